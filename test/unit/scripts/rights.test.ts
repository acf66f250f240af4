/** The rights of whoever deploys: all that a rehearsal asked for, and none of what would reach beyond the cluster. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decide, type Request } from "../../../simulator/cloud/iam/decide";
import { keptRequests } from "../../../simulator/cloud/iam/kept";
import { nodeBoundary } from "../../../scripts/rights/boundary";
import { boundaryOf, type Deployment } from "../../../scripts/rights/deployment";
import { lengthOf, longest } from "../../../settings/aws/policy-document";
import { documented } from "../../../scripts/rights/documented";
import { deployerPolicies, documents } from "../../../scripts/rights/files";
import { settingsOnAws } from "../support/settings";

const account = "123456789012";
const stateKey = `arn:aws:kms:us-east-1:${account}:key/state`;
const diskKey = `arn:aws:kms:us-east-1:${account}:key/disks`;

const deployment = (name: string, aws: Record<string, unknown> = {}, more: Partial<Deployment> = {}): Deployment => ({
  settings: settingsOnAws({ name, aws }),
  stack: "staging",
  account,
  bucket: "states",
  stateKey,
  ...more,
});
const staging = deployment(
  "pgha-staging",
  { dns: "pgha.internal", kmsKey: diskKey },
  { vpc: "vpc-ours", zone: "ZOURS" },
);
const boundary = boundaryOf(staging);
const policies = deployerPolicies(staging);

const ec2 = (type: string, id = "*", region = "us-east-1", owner = account) =>
  `arn:aws:ec2:${region}:${owner}:${type}/${id}`;
const role = (name: string) => `arn:aws:iam::${account}:role/${name}`;
const elb = (what: string) => `arn:aws:elasticloadbalancing:us-east-1:${account}:${what}`;
const parameter = (path: string) => `arn:aws:ssm:us-east-1:${account}:parameter${path}`;
const zone = (id: string) => `arn:aws:route53:::hostedzone/${id}`;
const object = (path: string) => `arn:aws:s3:::states/.pulumi/${path}`;

const tag = "pgha:cluster";
const ours = { [`aws:ResourceTag/${tag}`]: "pgha-staging" };
const theirs = { [`aws:ResourceTag/${tag}`]: "pgha-prod" };
const claim = { [`aws:RequestTag/${tag}`]: "pgha-staging", "aws:TagKeys": [tag] };
const bounded = { "iam:PermissionsBoundary": boundary };
const toEc2 = { "iam:PassedToService": "ec2.amazonaws.com" };
const records = (name: string, type = "A") => ({
  "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name],
  "route53:ChangeResourceRecordSetsRecordTypes": [type],
});
const vpcs = (id: string) => ({ "route53:VPCs": [`VPCId=${id},VPCRegion=us-east-1`] });

const inVpc = (id: string) => ({ "ec2:Vpc": ec2("vpc", id) });

type Question = [action: string, resource: string, context?: Request["context"]];
const decided = ([action, resource, context = {}]: Question) => decide(policies, { action, resource, context });

/** By what somebody with the deployer's credentials would gain. */
const forbidden: Record<string, Question[]> = {
  "to make what exists one's own, by its tag": [
    ["ec2:CreateTags", ec2("instance", "i-foreign"), claim],
    ["ec2:CreateTags", ec2("instance", "i-prod"), { ...claim, ...theirs }],
    ["ec2:CreateTags", ec2("volume", "vol-foreign"), claim],
    ["ec2:CreateTags", ec2("security-group", "sg-foreign"), claim],
    ["ec2:CreateTags", ec2("snapshot", "snap-foreign"), claim],
    ["ec2:CreateTags", ec2("instance", "i-foreign"), { ...claim, "ec2:CreateAction": "CreateSnapshot" }],
    [
      "ec2:CreateTags",
      ec2("instance"),
      { ...claim, [`aws:RequestTag/${tag}`]: "pgha-prod", "ec2:CreateAction": "RunInstances" },
    ],
    ["ec2:DeleteTags", ec2("instance", "i-prod"), theirs],
    ["elasticloadbalancing:AddTags", elb("loadbalancer/net/shop/0"), claim],
    ["iam:TagRole", role("admin"), claim],
  ],
  "other machines": [
    ["ec2:TerminateInstances", ec2("instance", "i-foreign")],
    ["ec2:TerminateInstances", ec2("instance", "i-prod"), theirs],
    ["ec2:StopInstances", ec2("instance", "i-foreign")],
    ["ec2:RebootInstances", ec2("instance", "i-prod"), theirs],
    // User data of a stopped machine runs as root when it starts.
    ["ec2:ModifyInstanceAttribute", ec2("instance", "i-foreign"), { "ec2:Attribute": "UserData" }],
    ["ec2:ModifyInstanceAttribute", ec2("instance", "i-prod"), theirs],
    ["ec2:ModifyInstanceMetadataOptions", ec2("instance", "i-prod"), theirs],
    ["ec2:AssociateIamInstanceProfile", ec2("instance", "i-foreign")],
    ["ec2:ReplaceIamInstanceProfileAssociation", ec2("instance", "i-prod"), theirs],
    ["ec2:ModifyNetworkInterfaceAttribute", ec2("network-interface", "eni-foreign")],
    ["ec2:ModifyNetworkInterfaceAttribute", ec2("network-interface", "eni-foreign"), inVpc("vpc-foreign")],
    ["ec2:ModifyNetworkInterfaceAttribute", ec2("security-group", "sg-foreign"), inVpc("vpc-ours")],
    ["ec2:GetPasswordData", ec2("instance", "i-foreign")],
    ["ec2-instance-connect:SendSSHPublicKey", ec2("instance", "i-ours"), ours],
    ["ssm:StartSession", ec2("instance", "i-ours"), ours],
    ["ssm:SendCommand", ec2("instance", "i-foreign")],
  ],
  "machines of another kind": [
    ["ec2:RunInstances", ec2("instance")],
    ["ec2:RunInstances", ec2("instance"), { [`aws:RequestTag/${tag}`]: "pgha-prod" }],
    ["ec2:RunInstances", ec2("subnet", "subnet-foreign")],
    ["ec2:RunInstances", ec2("security-group", "sg-prod"), theirs],
    ["ec2:RunInstances", ec2("snapshot", "snap-foreign")],
    ["ec2:RunInstances", ec2("key-pair", "somebody")],
    ["ec2:RunInstances", ec2("launch-template", "lt-foreign")],
    ["ec2:RunInstances", ec2("instance", "*", "eu-west-1"), claim],
  ],
  "other disks": [
    ["ec2:AttachVolume", ec2("volume", "vol-foreign")],
    ["ec2:AttachVolume", ec2("volume", "vol-prod"), theirs],
    ["ec2:AttachVolume", ec2("instance", "i-foreign")],
    ["ec2:DetachVolume", ec2("volume", "vol-prod"), theirs],
    ["ec2:DeleteVolume", ec2("volume", "vol-foreign")],
    ["ec2:ModifyVolume", ec2("volume", "vol-foreign")],
    ["ec2:CreateVolume", ec2("snapshot", "snap-foreign")],
    ["ec2:CreateVolume", ec2("volume")],
    // A copy of the cluster's own data, out of it.
    ["ec2:CreateSnapshot", ec2("volume", "vol-ours"), ours],
    ["ec2:ModifySnapshotAttribute", ec2("snapshot", "snap-ours"), ours],
    ["ec2:CreateImage", ec2("instance", "i-ours"), ours],
    ["ebs:GetSnapshotBlock", "arn:aws:ec2:us-east-1::snapshot/snap-ours", ours],
  ],
  "other networks": [
    ["ec2:AuthorizeSecurityGroupIngress", ec2("security-group", "sg-foreign")],
    ["ec2:AuthorizeSecurityGroupIngress", ec2("security-group", "sg-prod"), theirs],
    ["ec2:RevokeSecurityGroupEgress", ec2("security-group", "sg-foreign")],
    ["ec2:ModifySecurityGroupRules", ec2("security-group-rule", "sgr-foreign")],
    ["ec2:DeleteSecurityGroup", ec2("security-group", "sg-foreign")],
    ["ec2:CreateRoute", ec2("route-table", "rtb-foreign")],
    ["ec2:ReplaceRoute", ec2("route-table", "rtb-prod"), theirs],
    ["ec2:AssociateRouteTable", ec2("subnet", "subnet-foreign")],
    ["ec2:CreateSubnet", ec2("vpc", "vpc-foreign")],
    ["ec2:CreateSubnet", ec2("vpc", "vpc-foreign"), claim],
    ["ec2:CreateSecurityGroup", ec2("vpc", "vpc-foreign")],
    ["ec2:DeleteVpc", ec2("vpc", "vpc-prod"), theirs],
    ["ec2:AttachInternetGateway", ec2("vpc", "vpc-foreign")],
    ["ec2:ReleaseAddress", ec2("elastic-ip", "eipalloc-foreign")],
    ["ec2:AssociateAddress", ec2("elastic-ip", "eipalloc-foreign")],
    ["ec2:DisassociateAddress", ec2("elastic-ip", "eipalloc-foreign")],
    ["ec2:CreateVpcPeeringConnection", ec2("vpc", "vpc-ours"), ours],
    ["ec2:CreateVpcEndpoint", ec2("vpc", "vpc-ours"), ours],
    ["ec2:CreateVpc", ec2("vpc", "*", "eu-west-1"), claim],
    ["ec2:CreateVpc", ec2("vpc"), {}],
  ],
  rights: [
    ["iam:CreateRole", role("pgha-staging-etcd1")],
    [
      "iam:CreateRole",
      role("pgha-staging-etcd1"),
      { "iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess" },
    ],
    ["iam:CreateRole", role("admin"), bounded],
    ["iam:CreateRole", role("pgha-prod-etcd1"), bounded],
    ["iam:CreateRole", role("pgha-staging-etcd1-etcd1"), bounded],
    ["iam:PutRolePolicy", role("pgha-staging-etcd1")],
    ["iam:PutRolePolicy", role("admin"), bounded],
    ["iam:PutRolePolicy", role("pgha-prod-postgresql1"), bounded],
    ["iam:AttachRolePolicy", role("pgha-staging-etcd1"), bounded],
    ["iam:UpdateAssumeRolePolicy", role("pgha-staging-etcd1"), bounded],
    [
      "iam:PutRolePermissionsBoundary",
      role("pgha-staging-etcd1"),
      { "iam:PermissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess" },
    ],
    ["iam:DeleteRolePermissionsBoundary", role("pgha-staging-etcd1"), bounded],
    ["iam:CreatePolicyVersion", boundary],
    ["iam:DeletePolicy", boundary],
    ["iam:PassRole", role("pgha-staging-etcd1"), { "iam:PassedToService": "lambda.amazonaws.com" }],
    ["iam:PassRole", role("admin"), toEc2],
    ["iam:PassRole", role("pgha-prod-etcd1"), toEc2],
    ["iam:AddRoleToInstanceProfile", `arn:aws:iam::${account}:instance-profile/pgha-prod-etcd1`],
    ["iam:CreateUser", `arn:aws:iam::${account}:user/me`],
    ["iam:CreateAccessKey", `arn:aws:iam::${account}:user/admin`],
    [
      "iam:CreateServiceLinkedRole",
      role("aws-service-role/autoscaling.amazonaws.com/x"),
      { "iam:AWSServiceName": "autoscaling.amazonaws.com" },
    ],
    [
      "iam:UpdateOpenIDConnectProviderThumbprint",
      `arn:aws:iam::${account}:oidc-provider/token.actions.githubusercontent.com`,
    ],
    ["sts:AssumeRole", role("admin")],
    ["lambda:CreateFunction", `arn:aws:lambda:us-east-1:${account}:function:x`],
  ],
  "names that others ask for": [
    ["route53:ChangeResourceRecordSets", zone("ZSHOP"), records("www.shop.example")],
    ["route53:ChangeResourceRecordSets", zone("ZOURS"), records("other.pgha.internal")],
    ["route53:ChangeResourceRecordSets", zone("ZSHOP"), records("db.pgha.internal", "NS")],
    ["route53:DeleteHostedZone", zone("ZSHOP")],
    ["route53:UpdateHostedZoneComment", zone("ZSHOP")],
    ["route53:CreateHostedZone", "*"],
    ["route53:CreateHostedZone", "*", vpcs("vpc-foreign")],
    ["route53:AssociateVPCWithHostedZone", zone("ZOURS"), vpcs("vpc-foreign")],
    ["route53domains:TransferDomain", "*"],
  ],
  "other load balancers": [
    ["elasticloadbalancing:DeleteLoadBalancer", elb("loadbalancer/net/shop/0")],
    ["elasticloadbalancing:DeleteLoadBalancer", elb("loadbalancer/net/pgha-prod/0")],
    ["elasticloadbalancing:ModifyListener", elb("listener/net/pgha-prod/0/0")],
    ["elasticloadbalancing:RegisterTargets", elb("targetgroup/pgha-prod-write/0")],
    ["elasticloadbalancing:RegisterTargets", elb("targetgroup/shop/0")],
    ["elasticloadbalancing:CreateLoadBalancer", elb("loadbalancer/app/pgha-staging/*"), claim],
  ],
  secrets: [
    ["ssm:GetParameter", parameter("/pgha/pgha-prod/postgresql1/ssh-host-key")],
    ["ssm:PutParameter", parameter("/pgha/pgha-prod/postgresql1/ssh-host-key")],
    ["ssm:GetParameter", parameter("/pgha/pgha-staging-2/etcd1/ssh-host-key")],
    ["ssm:GetParameter", parameter("/shop/password")],
    ["ssm:GetParametersByPath", parameter("/pgha/pgha-prod/")],
    ["secretsmanager:GetSecretValue", "*"],
    ["s3:GetObject", object("stacks/pgha/prod.json")],
    ["s3:PutObject", object("stacks/pgha/prod.json")],
    ["s3:DeleteObject", object("history/pgha/prod/1.history.json")],
    ["s3:GetObject", object("stacks/pgha/staging2.json")],
    ["s3:PutObject", object("meta.yaml")],
    ["s3:GetObject", "arn:aws:s3:::backups/dump"],
    ["s3:PutBucketPolicy", "arn:aws:s3:::states"],
    ["s3:DeleteObjectVersion", object("stacks/pgha/staging.json")],
    ["kms:Decrypt", `arn:aws:kms:us-east-1:${account}:key/prod`],
    ["kms:Decrypt", diskKey],
    ["kms:CreateGrant", diskKey, { "kms:ViaService": "ec2.us-east-1.amazonaws.com" }],
    ["kms:ScheduleKeyDeletion", stateKey],
    ["kms:PutKeyPolicy", diskKey],
  ],
  "to go unseen": [
    ["cloudtrail:StopLogging", "*"],
    ["ec2:DeleteFlowLogs", ec2("vpc-flow-log", "fl-foreign")],
    ["logs:DeleteLogGroup", "*"],
  ],
};

describe("the deployer's rights", () => {
  it("reach every target group that the program makes", () => {
    const golden = readFileSync(join(__dirname, "../../golden/staging/resources/pgha-aws-endpoint.yaml"), "utf8");
    const names = [...golden.matchAll(/^ +name: (pgha-staging-to-\S+)$/gm)].map((match) => match[1]!);
    assert.equal(names.length, 4);
    for (const name of names) {
      assert.equal(
        decided(["elasticloadbalancing:CreateTargetGroup", elb(`targetgroup/${name}/*`), claim]),
        "allowed",
        name,
      );
    }
  });
  it("cover all that a rehearsal of staging asked of IAM", () => {
    const kept = keptRequests();
    const rehearsed = deployerPolicies(
      deployment("pgha-rehearse", { dns: "pgha.internal" }, { stack: "rehearse-staging", vpc: "vpc-0", zone: "Z0" }),
    );
    assert.ok(kept.length > 100, `${kept.length} requests were kept`);
    const refused = kept.filter((one) => decide(rehearsed, one) !== "allowed");
    assert.deepEqual(refused, []);
  });

  it("name every call that the stand-in of the provider makes, but for what is an administrator's", () => {
    const folder = join(__dirname, "../../../simulator/plugins/aws");
    const prefixes = { ec2: "ec2", elb: "elasticloadbalancing", iam: "iam", route53: "route53", ssm: "ssm" };
    const called = new Set<string>();
    for (const name of readdirSync(folder)) {
      const text = readFileSync(join(folder, name), "utf8");
      for (const [, client, call] of text.matchAll(/\b(ec2|elb|iam|route53|ssm)\(\)\s*\.(\w+)\(/g))
        called.add(`${prefixes[client as keyof typeof prefixes]}:${call![0]!.toUpperCase()}${call!.slice(1)}`);
    }
    assert.ok(called.size > 90, `${called.size} calls were found`);
    const named = policies.flatMap(({ Statement }) => Statement).flatMap(({ Action }) => Action);
    const missing = [...called].filter(
      (call) => !named.includes(call) && !/^(ec2|elasticloadbalancing):Describe/.test(call),
    );
    // A trust policy that changes, and a boundary that goes.
    assert.deepEqual(missing.sort(), ["iam:DeleteRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"]);
  });

  it("let the cluster be changed in ways that no rehearsal shows", () => {
    const changes: Question[] = [
      ["ec2:ReplaceIamInstanceProfileAssociation", ec2("instance", "i-ours"), ours],
      ["ec2:ModifyInstanceAttribute", ec2("instance", "i-ours"), ours],
      ["ec2:RebootInstances", ec2("instance", "i-ours"), ours],
      ["ec2:GetSecurityGroupsForVpc", ec2("vpc", "vpc-ours"), ours],
      ["iam:PutRolePermissionsBoundary", role("pgha-staging-haproxy2"), bounded],
      [
        "iam:CreateServiceLinkedRole",
        role("aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing"),
        { "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com" },
      ],
      ["route53:GetDNSSEC", zone("ZOURS")],
      ["s3:PutObject", object("stacks/pgha/staging.json")],
      ["s3:PutObject", object("locks/organization/pgha/staging/0.json")],
      ["s3:GetObject", object("meta.yaml")],
      ["s3:ListBucket", "arn:aws:s3:::states"],
      ["kms:Decrypt", stateKey],
      [
        "kms:CreateGrant",
        diskKey,
        { "kms:ViaService": "ec2.us-east-1.amazonaws.com", "kms:GrantIsForAWSResource": "true" },
      ],
    ];
    assert.deepEqual(
      changes.filter((one) => decided(one) !== "allowed"),
      [],
    );
  });

  for (const [what, questions] of Object.entries(forbidden)) {
    it(`do not reach ${what}`, () => {
      assert.deepEqual(
        questions.filter((one) => decided(one) === "allowed"),
        [],
      );
    });
  }

  it("are told apart from what they refuse by what was asked, not by chance: each refusal has a twin that is allowed", () => {
    const twins: Question[] = [
      ["ec2:CreateTags", ec2("instance"), { ...claim, "ec2:CreateAction": "RunInstances" }],
      ["ec2:CreateTags", ec2("instance", "i-ours"), { ...claim, ...ours }],
      ["ec2:TerminateInstances", ec2("instance", "i-ours"), ours],
      ["ec2:AttachVolume", ec2("volume", "vol-ours"), ours],
      ["ec2:ModifyNetworkInterfaceAttribute", ec2("network-interface", "eni-ours"), inVpc("vpc-ours")],
      ["ec2:ModifyNetworkInterfaceAttribute", ec2("security-group", "sg-ours"), ours],
      ["ec2:AuthorizeSecurityGroupIngress", ec2("security-group", "sg-ours"), ours],
      ["ec2:RunInstances", ec2("instance"), claim],
      ["ec2:CreateVpc", ec2("vpc"), claim],
      ["iam:CreateRole", role("pgha-staging-etcd1"), bounded],
      ["iam:PutRolePolicy", role("pgha-staging-postgresql9"), bounded],
      ["iam:PassRole", role("pgha-staging-etcd1"), toEc2],
      ["route53:ChangeResourceRecordSets", zone("ZOURS"), records("db.pgha.internal")],
      ["route53:CreateHostedZone", "*", vpcs("vpc-ours")],
      ["route53:DeleteHostedZone", zone("ZOURS")],
      ["elasticloadbalancing:DeleteLoadBalancer", elb("loadbalancer/net/pgha-staging/0")],
      ["ssm:GetParameter", parameter("/pgha/pgha-staging/etcd1/ssh-host-key")],
    ];
    assert.deepEqual(
      twins.filter((one) => decided(one) !== "allowed"),
      [],
    );
  });

  it("in an existing VPC make no network, and use only the subnets that the settings name", () => {
    const nodes = Object.fromEntries(
      ["a", "b", "c"].map((letter, index) => [
        `us-east-1${letter}`,
        { subnet: `subnet-0123456${index}`, cidr: `10.100.${index}.0/24` },
      ]),
    );
    const existing = deployerPolicies(
      deployment("pgha-staging", {
        vpc: { id: "vpc-0123456789abcdef0", nodes },
        bastion: {
          allow: undefined,
          host: "bastion.example.com",
          user: "ops",
          hostKey: "ssh-ed25519 AAAAC3Nz",
          from: ["10.9.0.5/32"],
        },
      }),
    );
    const of = ([action, resource, context = {}]: Question) => decide(existing, { action, resource, context });
    assert.equal(of(["ec2:RunInstances", ec2("subnet", "subnet-01234560")]), "allowed");
    assert.equal(of(["ec2:CreateSecurityGroup", ec2("vpc", "vpc-0123456789abcdef0")]), "allowed");
    for (const question of [
      ["ec2:RunInstances", ec2("subnet", "subnet-01234569")],
      ["ec2:CreateSecurityGroup", ec2("vpc", "vpc-foreign")],
      ["ec2:CreateVpc", ec2("vpc"), claim],
      ["ec2:CreateRoute", ec2("route-table", "rtb-ours"), ours],
      ["ec2:CreateSubnet", ec2("vpc", "vpc-0123456789abcdef0")],
    ] as Question[])
      assert.notEqual(of(question), "allowed", question[0]);
  });

  it("ask for no right over zones and keys that the settings do not have", () => {
    const plain = deployerPolicies(deployment("pgha-staging"));
    const actions = plain.flatMap(({ Statement }) => Statement).flatMap(({ Action }) => Action);
    assert.deepEqual(
      actions.filter((action) => action.startsWith("route53:")),
      ["route53:ListHostedZones", "route53:ListTagsForResource"],
    );
    assert.deepEqual(
      actions.filter((action) => action.startsWith("kms:")),
      ["kms:Decrypt", "kms:Encrypt"],
    );
  });

  it("fit into what AWS takes, with the longest name and everything set", () => {
    const long = deployment("pgha-of-twenty-chars", { dns: "a-rather-long-name.for.a.zone.internal", kmsKey: diskKey });
    for (const document of Object.values(documents(long)))
      assert.ok(lengthOf(document) <= longest, String(lengthOf(document)));
  });

  it("are in docs/ as the settings of staging give them (npm run golden)", () => {
    for (const [name, document] of Object.entries(documents(documented()))) {
      const written = readFileSync(join(__dirname, "../../../docs", name), "utf8");
      assert.equal(written, `${JSON.stringify(document, null, 2)}\n`, `docs/${name} is stale`);
    }
  });
});

describe("the boundary of the machines' roles", () => {
  const bounds = [nodeBoundary(staging)];
  const of = (action: string, resource: string) => decide(bounds, { action, resource, context: {} });

  it("lets them read the host keys of their own cluster, and nothing else", () => {
    assert.equal(of("ssm:GetParameter", parameter("/pgha/pgha-staging/etcd1/ssh-host-key")), "allowed");
    for (const [action, resource] of [
      ["ssm:GetParameter", parameter("/pgha/pgha-prod/etcd1/ssh-host-key")],
      ["ssm:PutParameter", parameter("/pgha/pgha-staging/etcd1/ssh-host-key")],
      ["ssm:GetParameter", parameter("/pgha/pgha-staging/etcd1/other")],
      ["s3:GetObject", "arn:aws:s3:::states/x"],
      ["iam:CreateUser", `arn:aws:iam::${account}:user/me`],
      ["sts:AssumeRole", role("admin")],
      ["ec2:TerminateInstances", ec2("instance", "i-ours")],
    ] as const)
      assert.notEqual(of(action, resource), "allowed", action);
  });
});
