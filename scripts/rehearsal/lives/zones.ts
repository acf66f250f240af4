/** A zone comes, and goes again: machines move, and their disks with them. */
import assert from "node:assert/strict";
import { nothingLeft, smallest, up, whole, type Life } from "../life";
import type { Rehearsal } from "../rehearsal";

const two = ["us-east-1a", "us-east-1b"];
const three = [...two, "us-east-1c"];

/** With three nodes of a role the third is in another zone then. */
const moved = ["replace etcd3-instance", "replace postgresql3-instance", "replace postgresql3-volume"];

/**
 * Other zones: refused until they are asked for by the old ones, and then as the refusal said.
 * @param balancer what is done to the load balancer
 */
async function rezone(rehearsal: Rehearsal, zones: string[], balancer: "update" | "replace"): Promise<void> {
  const { stack } = rehearsal;
  const before = await made(rehearsal);
  const old = stack.setting<{ zones: string[] }>("aws").zones.join(" ");
  stack.set(rehearsal.withAws({ zones }));
  const { code, stdout, stderr } = await stack.pulumi("preview", "--non-interactive");
  assert.notEqual(code, 0);
  const asked = `pgha:replaces: {aws.zones: ${old}}`;
  assert.ok((stdout + stderr).includes(asked), `tells how to ask for it: ${stdout}${stderr}`);
  stack.set({ replaces: { "aws.zones": old } });
  assert.deepEqual(await rehearsal.touched(), [...moved, `${balancer} endpoint-balancer`].sort());
  await rehearsal.up();
  stack.forget("replaces");
  assert.deepEqual(await rehearsal.plan("--refresh"), []);
  const after = await made(rehearsal);
  if (balancer === "update") assert.deepEqual(after, before);
  else assert.notDeepEqual(after, before);
}

/** When the load balancer was made: the simulator gives another one of the cluster's the same name and number. */
const made = async ({ cloud }: Rehearsal) =>
  (await cloud.aws.elb.describeLoadBalancers({})).LoadBalancers!.map(({ CreatedTime }) => CreatedTime!.toISOString());

export const zones: Life = {
  about: "two zones, then three, then two again: nodes move, and what becomes of the load balancer",
  of: "staging",
  shape: (given) => ({
    settings: { nodes: { ...smallest, postgresql: 3 }, aws: { ...(given.aws as object), zones: two } },
  }),
  steps: [
    up,
    ["a zone more: the third nodes move into it, the load balancer grows", (one) => rezone(one, three, "update")],
    whole,
    ["a zone less: they move back, and the load balancer is another one", (one) => rezone(one, two, "replace")],
    whole,
    nothingLeft,
  ],
};
