/** What the deployer may do outside EC2 and IAM. There, what a call is about has a name or a path that says whose it is. */
import { targetGroupName, uses } from "../../settings/aws/flows";
import { clientNames } from "../../settings/plan";
import { placeholders, type Deployment } from "./deployment";
import { allow, policy, type Policy, type Statement } from "../../settings/aws/policy-document";

export function deployer(of: Deployment): Policy {
  return policy([
    allow(
      "Look",
      [
        "elasticloadbalancing:Describe*",
        "route53:ListHostedZones",
        "route53:ListTagsForResource",
        "ssm:DescribeParameters",
        "tag:GetResources",
      ],
      "*",
    ),
    balancer(of),
    hostKeys(of),
    ...dns(of),
    ...disks(of),
    ...state(of),
  ]);
}

function balancer({ settings: { name, aws }, account }: Deployment): Statement {
  const elb = (call: string) => `elasticloadbalancing:${call}`;
  const ofRegion = (what: string) => `arn:aws:elasticloadbalancing:${aws!.region}:${account}:${what}`;
  return allow(
    "LoadBalancer",
    [
      "AddTags",
      "CreateListener",
      "CreateLoadBalancer",
      "CreateTargetGroup",
      "DeleteListener",
      "DeleteLoadBalancer",
      "DeleteTargetGroup",
      "DeregisterTargets",
      "ModifyListener",
      "ModifyListenerAttributes",
      "ModifyLoadBalancerAttributes",
      "ModifyTargetGroup",
      "ModifyTargetGroupAttributes",
      "RegisterTargets",
      "RemoveTags",
      "SetSecurityGroups",
      "SetSubnets",
    ].map(elb),
    [
      ofRegion(`loadbalancer/net/${name}/*`),
      ofRegion(`listener/net/${name}/*`),
      ...uses.map((use) => ofRegion(`targetgroup/${targetGroupName(name, use)}/*`)),
      // Of the release before, to be deleted.
      ...["write", "read", "pooled"].map((use) => ofRegion(`targetgroup/${name}-${use}/*`)),
    ],
  );
}

const hostKeys = ({ settings: { name, aws }, account }: Deployment): Statement =>
  allow(
    "HostKeys",
    [
      "ssm:AddTagsToResource",
      "ssm:DeleteParameter",
      "ssm:GetParameter",
      "ssm:GetParameters",
      "ssm:ListTagsForResource",
      "ssm:PutParameter",
      "ssm:RemoveTagsFromResource",
    ],
    `arn:aws:ssm:${aws!.region}:${account}:parameter/pgha/${name}/*`,
  );

/**
 * Route 53 knows no tags in conditions, and a zone's id only once it exists. So a new zone is held by the VPC that asks it, the
 * one record by its name, and a zone's end by its id, for whoever puts that in.
 */
function dns({ settings, vpc, zone: zoneId }: Deployment): Statement[] {
  const names = clientNames(settings);
  if (names.length === 0) return [];
  const { vpc: existing, region } = settings.aws!;
  const vpcId = existing?.id ?? vpc ?? placeholders.vpc;
  const route53 = (...calls: string[]) => calls.map((call) => `route53:${call}`);
  const zone = (id: string) => `arn:aws:route53:::hostedzone/${id}`;
  return [
    allow("LookAtZones", route53("GetChange", "GetDNSSEC", "GetHostedZone", "ListResourceRecordSets"), "*"),
    allow("ZoneOfTheVpc", route53("AssociateVPCWithHostedZone", "CreateHostedZone"), "*", {
      StringEquals: { "route53:VPCs": `VPCId=${vpcId},VPCRegion=${region}` },
    }),
    allow("RecordOfTheEndpoint", "route53:ChangeResourceRecordSets", zone("*"), {
      "ForAllValues:StringEquals": {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
        "route53:ChangeResourceRecordSetsRecordTypes": ["A"],
      },
    }),
    allow("TagsOfZones", "route53:ChangeTagsForResource", zone("*")),
    allow(
      "ZoneOnceItIsThere",
      route53("DeleteHostedZone", "DisassociateVPCFromHostedZone", "UpdateHostedZoneComment"),
      zone(zoneId ?? placeholders.zone),
    ),
  ];
}

/** Use of a key of one's own for disks: by EC2, for the machine or disk that is being made (EBS user guide, "EBS encryption"). */
function disks({ settings: { aws } }: Deployment): Statement[] {
  const { kmsKey, region } = aws!;
  if (!kmsKey) return [];
  const byEc2 = { "kms:ViaService": `ec2.${region}.amazonaws.com` };
  const uses = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*"];
  return [
    allow("KeyOfDisks", uses, kmsKey, { StringEquals: byEc2 }),
    allow("KeyOfDisksForMachines", "kms:CreateGrant", kmsKey, {
      StringEquals: byEc2,
      Bool: { "kms:GrantIsForAWSResource": "true" },
    }),
  ];
}

/** The state of this stack among those of the bucket: its own files, and what says that the bucket is one of Pulumi's. */
function state({ stack, bucket, stateKey }: Deployment): Statement[] {
  const object = (path: string) => `arn:aws:s3:::${bucket}/.pulumi/${path}`;
  const own = [object(`*/pgha/${stack}.*`), object(`*/pgha/${stack}/*`)];
  return [
    ...(bucket
      ? [
          allow("StateOfTheStack", ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], own),
          allow("StateIsPulumis", "s3:GetObject", object("meta.yaml")),
          allow("StatesThereAre", "s3:ListBucket", `arn:aws:s3:::${bucket}`),
        ]
      : []),
    ...(stateKey ? [allow("SecretsInState", ["kms:Decrypt", "kms:Encrypt"], stateKey)] : []),
  ];
}
