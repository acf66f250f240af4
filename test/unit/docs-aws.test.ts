import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { flows } from "../../components/aws/flows";
import { settingsFromFile } from "../../components/load-settings";
import { readGoldens } from "./support/goldens";

const root = join(__dirname, "../..");
const docs = (name: string) => readFileSync(join(root, "docs", name), "utf8");

/** What EC2 and the others call the making of each resource type in use, and its end where it is made. */
const actions: Record<string, string[]> = {
  "aws:ebs/volume:Volume": ["ec2:CreateVolume", "ec2:ModifyVolume", "ec2:DeleteVolume"],
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": [
    "ec2:RevokeSecurityGroupIngress",
    "ec2:RevokeSecurityGroupEgress",
  ],
  "aws:ec2/eip:Eip": ["ec2:AllocateAddress", "ec2:AssociateAddress", "ec2:DisassociateAddress", "ec2:ReleaseAddress"],
  "aws:ec2/instance:Instance": [
    "ec2:RunInstances",
    "iam:PassRole",
    "ec2:ModifyInstanceAttribute",
    "ec2:TerminateInstances",
  ],
  "aws:ec2/internetGateway:InternetGateway": [
    "ec2:CreateInternetGateway",
    "ec2:AttachInternetGateway",
    "ec2:DetachInternetGateway",
    "ec2:DeleteInternetGateway",
  ],
  "aws:ec2/natGateway:NatGateway": ["ec2:CreateNatGateway", "ec2:DeleteNatGateway"],
  "aws:ec2/placementGroup:PlacementGroup": ["ec2:CreatePlacementGroup", "ec2:DeletePlacementGroup"],
  "aws:ec2/route:Route": ["ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute"],
  "aws:ec2/routeTable:RouteTable": ["ec2:CreateRouteTable", "ec2:DeleteRouteTable"],
  "aws:ec2/routeTableAssociation:RouteTableAssociation": ["ec2:AssociateRouteTable", "ec2:DisassociateRouteTable"],
  "aws:ec2/securityGroup:SecurityGroup": ["ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup"],
  "aws:ec2/subnet:Subnet": ["ec2:CreateSubnet", "ec2:DeleteSubnet"],
  "aws:ec2/volumeAttachment:VolumeAttachment": ["ec2:AttachVolume", "ec2:DetachVolume", "ec2:StopInstances"],
  "aws:ec2/vpc:Vpc": ["ec2:CreateVpc", "ec2:ModifyVpcAttribute", "ec2:DeleteVpc"],
  "aws:iam/instanceProfile:InstanceProfile": [
    "iam:CreateInstanceProfile",
    "iam:AddRoleToInstanceProfile",
    "iam:RemoveRoleFromInstanceProfile",
    "iam:DeleteInstanceProfile",
  ],
  "aws:iam/role:Role": ["iam:CreateRole", "iam:GetRole", "iam:DeleteRole"],
  "aws:iam/rolePolicy:RolePolicy": ["iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy"],
  "aws:lb/listener:Listener": ["elasticloadbalancing:CreateListener", "elasticloadbalancing:DeleteListener"],
  "aws:lb/loadBalancer:LoadBalancer": [
    "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:DeleteLoadBalancer",
  ],
  "aws:lb/targetGroup:TargetGroup": [
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:DeleteTargetGroup",
  ],
  "aws:lb/targetGroupAttachment:TargetGroupAttachment": [
    "elasticloadbalancing:RegisterTargets",
    "elasticloadbalancing:DeregisterTargets",
  ],
  "aws:ssm/parameter:Parameter": ["ssm:PutParameter", "ssm:GetParameter", "ssm:DeleteParameter"],
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": [
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupEgress",
  ],
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": [
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:RevokeSecurityGroupIngress",
  ],
};

describe("docs of AWS", () => {
  it("list who talks to whom as the security groups allow it", () => {
    const rows = /<!-- flows -->\n((?:.+\n)+)/.exec(docs("aws.md"))![1]!.trim().split("\n").slice(2);
    const expected = flows(settingsFromFile(root, "prod")).map(
      ({ from, to, port, why }) => `| ${from} | ${to} | ${port} | ${why} |`,
    );
    assert.deepEqual(rows, expected, `the table in docs/aws.md should be:\n${expected.join("\n")}`);
  });

  it("allow the deployer to make and to delete every type of resource in the stacks", () => {
    const types = new Set<string>();
    for (const [path, content] of readGoldens()) {
      if (!/^(staging|prod)\/resources\//.test(path)) continue;
      for (const { type } of Object.values(parse(content) as Record<string, { type: string }>)) {
        if (type.startsWith("aws:")) types.add(type);
      }
    }
    assert.deepEqual([...types].sort(), Object.keys(actions).sort());
    const policy = JSON.parse(docs("deployer-policy.json")) as { Statement: { Action: string | string[] }[] };
    const allowed = new Set(policy.Statement.flatMap(({ Action }) => Action));
    assert.deepEqual(
      Object.values(actions)
        .flat()
        .filter((action) => !allowed.has(action)),
      [],
    );
  });
});
