/**
 * What AWS does for a caller with the caller's own rights, beside what the call itself is about. No call of that name is seen, but
 * without the right the call fails.
 */
import type { Call } from "../front";
import type { Request } from "./decide";

export function onBehalf({ service, action, params }: Call, region: string, account: string): Request[] {
  if (service === "ec2") {
    const keys = [...params].filter(([key]) => /(^|\.)KmsKeyId$/.test(key)).map(([, key]) => key);
    return [...new Set(keys)].flatMap((key) => useOfKey(key, region));
  }
  const ofBalancer = service === "elasticloadbalancing" && /^(CreateLoadBalancer|SetSecurityGroups)$/.test(action);
  if (!ofBalancer) return [];
  return [
    ...(params.has("SecurityGroups.member.1") ? [lookAtGroups(region, account)] : []),
    ...(action === "CreateLoadBalancer" ? [serviceRole(account)] : []),
  ];
}

/** As others have met it: kubernetes-sigs/aws-load-balancer-controller#3917. */
const lookAtGroups = (region: string, account: string): Request => ({
  action: "ec2:GetSecurityGroupsForVpc",
  resource: `arn:aws:ec2:${region}:${account}:vpc/*`,
  context: {},
});

/** The first load balancer of an account makes the role by which the service makes its network interfaces. */
const serviceRole = (account: string): Request => ({
  action: "iam:CreateServiceLinkedRole",
  resource: `arn:aws:iam::${account}:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing`,
  context: { "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com" },
});

/**
 * A key of one's own for disks (EBS user guide, "Requirements for Amazon EBS encryption"). AWS lets the machine or the disk end as soon
 * as it is made, instead of refusing the call.
 */
function useOfKey(resource: string, region: string): Request[] {
  const context = { "kms:ViaService": `ec2.${region}.amazonaws.com` };
  const uses = ["Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"];
  return [
    ...uses.map((use) => ({ action: `kms:${use}`, resource, context })),
    { action: "kms:CreateGrant", resource, context: { ...context, "kms:GrantIsForAWSResource": "true" } },
  ];
}
