/** Other networks than the stacks of the project have. */
import assert from "node:assert/strict";
import { existing, publicBlock } from "../existing";
import { nothingLeft, smallest, stays, up, whole, type Life, type Step } from "../life";
import type { Rehearsal } from "../rehearsal";
import { account } from "../../../simulator/cloud/iam/authorization";

/** Who may log in to the machines is the security groups' business alone. */
async function narrows(rehearsal: Rehearsal): Promise<void> {
  const bastion = rehearsal.stack.setting<{ bastion: object }>("aws").bastion;
  rehearsal.stack.set(rehearsal.withAws({ bastion: { ...bastion, from: [publicBlock] } }));
  const plan = await rehearsal.plan();
  const narrowed = publicBlock.replace("/", "-");
  assert.ok(
    plan.some((step) => step.startsWith("create ") && step.includes(`-from-${narrowed}-22`)),
    plan.join(),
  );
  assert.deepEqual(
    plan.filter((step) => !step.includes("pgha-aws-firewall-")),
    [],
  );
  await rehearsal.up();
  await rehearsal.isWhole();
}

/** As docs/settings.md and docs/aws.md have it. */
export const vpc: Life = {
  about: "a VPC and a bastion that exist already, in two zones; `destroy` leaves them as they were",
  of: "staging",
  shape: async (given, cloud) => {
    const { vpc: network, clients, bastion, bastionKey } = await existing(cloud.account);
    const zones = Object.keys(network.nodes);
    const aws = { ...(given.aws as object), zones, vpc: { ...network, clients, firstHost: 20 }, bastion };
    return { settings: { nodes: smallest, aws }, bastionKey };
  },
  steps: [
    up,
    whole,
    stays,
    ["bastion.from: narrower rules, and no other change", narrows],
    ["destroy leaves what was there before, and nothing else", (rehearsal) => rehearsal.leavesNothing()],
  ],
};

export const kmsKey = `arn:aws:kms:us-east-1:${account}:key/1d6a0b52-2f4d-4a0c-9f0e-5c1b7d1b3a90`;

/** Every disk, of machines and of data, is encrypted by the key. */
export async function hasKey({ cloud }: Rehearsal): Promise<void> {
  const { Volumes = [] } = await cloud.aws.ec2.describeVolumes({});
  assert.ok(Volumes.length > 0);
  for (const { VolumeId, Encrypted, KmsKeyId } of Volumes) {
    assert.deepEqual({ VolumeId, Encrypted, KmsKeyId }, { VolumeId, Encrypted: true, KmsKeyId: kmsKey });
  }
}

/** The load balancer has its addresses in the public subnets. */
async function isOutside({ cloud }: Rehearsal): Promise<void> {
  const { LoadBalancers } = await cloud.aws.elb.describeLoadBalancers({});
  const [{ Scheme, AvailabilityZones = [] }] = LoadBalancers as [NonNullable<typeof LoadBalancers>[number]];
  assert.equal(Scheme, "internet-facing");
  const SubnetIds = AvailabilityZones.map(({ SubnetId }) => SubnetId!);
  const { Subnets = [] } = await cloud.aws.ec2.describeSubnets({ SubnetIds });
  const names = Subnets.map(({ Tags = [] }) => Tags.find(({ Key }) => Key === "Name")!.Value!.split("-")[2]);
  assert.deepEqual(names, ["public", "public", "public"]);
}

const encrypted: Step = ["every disk has the key", hasKey];
const outside: Step = ["the endpoint is one for clients outside", isOutside];

export const open: Life = {
  about: "an endpoint for clients outside, without a DNS zone, and disks with a KMS key of one's own",
  of: "staging",
  shape: (given) => {
    const aws = { ...(given.aws as object), public: true, clients: ["198.51.100.0/24"], kmsKey, dns: undefined };
    return { settings: { nodes: smallest, aws } };
  },
  steps: [up, outside, encrypted, whole, stays, nothingLeft],
};
