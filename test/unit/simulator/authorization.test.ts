/** The rehearsal's AWS lets the operator do what policies allow: each call, and what AWS does on its behalf. */
import assert from "node:assert/strict";
import { deployerPolicies } from "../../../scripts/rights/files";
import { account, Authorization } from "../../../simulator/cloud/iam/authorization";
import type { Policy } from "../../../settings/aws/policy-document";
import { AwsStage, region } from "../support/aws";
import { settingsOnAws } from "../support/settings";

const kmsKey = `arn:aws:kms:${region}:${account}:key/disks`;
const deployment = (aws: Record<string, unknown> = {}) => ({
  settings: settingsOnAws({ name: "pgha-x", aws }),
  stack: "x",
  account,
});
const tags = [{ Key: "pgha:cluster", Value: "pgha-x" }];

const everything: Policy[] = [
  { Version: "2012-10-17", Statement: [{ Sid: "All", Effect: "Allow", Action: "*", Resource: "*" }] },
];

/** The policies without one action. */
const without = (policies: Policy[], action: string): Policy[] =>
  policies.map((policy) => ({
    ...policy,
    Statement: policy.Statement.map((one) => ({
      ...one,
      Action: [one.Action].flat().filter((each) => each !== action),
    })),
  }));

describe("what the operator may do in a rehearsal", function () {
  this.timeout(60_000);
  let stage: AwsStage;
  let authorization: Authorization;
  let place: { Subnets: string[]; SecurityGroups: string[] };
  let vpc: string;
  let NetworkInterfaceId: string;

  before(async () => {
    stage = await AwsStage.open((moto) => {
      authorization = new Authorization(moto, region);
      return [authorization.layer];
    });
    const { ec2 } = stage.clients;
    const tagged = (ResourceType: "vpc" | "subnet" | "security-group") => [{ ResourceType, Tags: tags }];
    vpc = (await ec2.createVpc({ CidrBlock: "10.94.0.0/22", TagSpecifications: tagged("vpc") })).Vpc!.VpcId!;
    const of = { VpcId: vpc };
    const subnet = { ...of, CidrBlock: "10.94.0.0/26", TagSpecifications: tagged("subnet") };
    const group = { ...of, GroupName: "g", Description: "d", TagSpecifications: tagged("security-group") };
    place = {
      Subnets: [(await ec2.createSubnet(subnet)).Subnet!.SubnetId!],
      SecurityGroups: [(await ec2.createSecurityGroup(group)).GroupId!],
    };
    const made = await ec2.createNetworkInterface({ SubnetId: place.Subnets[0]! });
    NetworkInterfaceId = made.NetworkInterface!.NetworkInterfaceId!;
  });
  after(() => stage.close());

  const balancer = (more = place) =>
    stage.clients.elb.createLoadBalancer({ Name: "pgha-x", Type: "network", Scheme: "internal", Tags: tags, ...more });

  it("is what the policies say, in the words of AWS", async () => {
    authorization.allowOnly(async () => without(deployerPolicies(deployment()), "ec2:CreateSubnet"));
    await assert.rejects(
      stage.clients.ec2.createSubnet({ VpcId: vpc, CidrBlock: "10.94.1.0/26" }),
      (error: Error & { $metadata: { httpStatusCode: number } }) => {
        assert.equal(error.name, "UnauthorizedOperation");
        assert.equal(error.$metadata.httpStatusCode, 403);
        assert.match(
          error.message,
          /^You are not authorized to perform this operation\. User: arn:aws:iam::\d+:user\/deployer is not authorized to perform: ec2:CreateSubnet on resource: arn:aws:ec2:us-east-1:\d+:subnet\/\* because no identity-based policy allows the ec2:CreateSubnet action/,
        );
        return true;
      },
    );
  });

  it("has a load balancer with security groups need a right that no call of the operator names", async () => {
    const all = deployerPolicies(deployment());
    for (const action of ["ec2:GetSecurityGroupsForVpc", "iam:CreateServiceLinkedRole"]) {
      authorization.allowOnly(async () => without(all, action));
      await assert.rejects(balancer(), {
        name: "AccessDenied",
        message: new RegExp(`is not authorized to perform: ${action} on resource: `),
      });
    }
    authorization.allowOnly(async () => all);
    await balancer();
    const asked = authorization.requests.map(({ action }) => action);
    assert.ok(asked.includes("ec2:GetSecurityGroupsForVpc"), "a rehearsal keeps what it asked");
  });

  it("has disks with a key of one's own need rights to that key, and to no other", async () => {
    const disk = (key: string) =>
      stage.clients.ec2.createVolume({
        AvailabilityZone: "us-east-1a",
        Size: 4,
        Encrypted: true,
        KmsKeyId: key,
        TagSpecifications: [{ ResourceType: "volume", Tags: tags }],
      });
    const all = deployerPolicies(deployment({ kmsKey }));
    for (const action of ["kms:CreateGrant", "kms:GenerateDataKeyWithoutPlaintext"]) {
      authorization.allowOnly(async () => without(all, action));
      await assert.rejects(disk(kmsKey), new RegExp(`not authorized to perform: ${action} on resource: ${kmsKey}`));
    }
    authorization.allowOnly(async () => all);
    await assert.rejects(disk(`${kmsKey}-of-others`), /not authorized to perform: kms:Decrypt/);
    await disk(kmsKey);
  });

  it("lets the address of a deleted gateway go, whose network interface is gone already", async () => {
    const { ec2 } = stage.clients;
    authorization.allowOnly(async () => everything);
    const { AllocationId } = await ec2.allocateAddress({ Domain: "vpc" });
    const { NetworkInterface } = await ec2.createNetworkInterface({ SubnetId: place.Subnets[0]! });
    const { NetworkInterfaceId: gone } = NetworkInterface!;
    const { AssociationId } = await ec2.associateAddress({ AllocationId, NetworkInterfaceId: gone });
    await ec2.deleteNetworkInterface({ NetworkInterfaceId: gone });
    await ec2.disassociateAddress({ AssociationId });
  });

  it("asks of a machine's groups for its network interface, and in whose VPC that is", async () => {
    const { ec2 } = stage.clients;
    authorization.allowOnly(async () => deployerPolicies({ ...deployment(), vpc }));
    const Groups = place.SecurityGroups;
    await ec2.modifyNetworkInterfaceAttribute({ NetworkInterfaceId, Groups });
    authorization.allowOnly(async () => deployerPolicies({ ...deployment(), vpc: "vpc-0123456789abcdef0" }));
    await assert.rejects(
      ec2.modifyNetworkInterfaceAttribute({ NetworkInterfaceId, Groups }),
      /ec2:ModifyNetworkInterfaceAttribute on resource: .*network-interface\/eni-.*ec2:Vpc/,
    );
  });
});
