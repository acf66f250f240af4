/** What is done to single nodes of a rehearsed stack, as docs/aws.md tells an operator to. */
import assert from "node:assert/strict";
import { oneAtATime } from "../../policy/one-at-a-time";
import { machinesOf } from "../../simulator/machines";
import { becomesWhole } from "../../simulator/validation";
import type { Rehearsal } from "./rehearsal";

/** A database machine that is recreated has its data: the disk with it is not the machine's. */
export async function remakesAMachine(rehearsal: Rehearsal): Promise<void> {
  const { stack } = rehearsal;
  const kept = "/var/lib/postgresql/kept-by-rehearsal";
  const machines = await machinesOf(stack.name);
  const node = await machines.replica();
  await machines.on(node, `touch ${kept}`);
  await stack.up("--replace", await rehearsal.urn(`${node}-instance`));
  await (await machinesOf(stack.name)).on(node, `rm ${kept}`);
  await becomesWhole(stack);
}

/** A machine as EC2 has it. */
async function instanceOf({ cloud, stack }: Rehearsal, node: string) {
  const Filters = [
    { Name: "tag:Name", Values: [`${stack.cluster}-${node}`] },
    { Name: "instance-state-name", Values: ["running"] },
  ];
  const { Reservations = [] } = await cloud.aws.ec2.describeInstances({ Filters });
  const all = Reservations.flatMap(({ Instances = [] }) => Instances);
  assert.equal(all.length, 1, `there is one ${node}`);
  return all[0]!;
}

/** Makes a machine anew, and no other: the cluster is whole again. */
export async function replaces(rehearsal: Rehearsal, node: string): Promise<void> {
  const { stack } = rehearsal;
  const before = await instanceOf(rehearsal, node);
  const only = ["--replace", await rehearsal.urn(`${node}-instance`)];
  assert.deepEqual(await rehearsal.touched(...only), [`replace ${node}-instance`]);
  await stack.up(...only);
  assert.notEqual((await instanceOf(rehearsal, node)).InstanceId, before.InstanceId);
  await becomesWhole(stack);
}

/** Takes a standby's machine away and makes it again of the image that the settings name now: by a replacement it would have its old one. */
export async function renewsImage(rehearsal: Rehearsal, image: string): Promise<void> {
  const { stack } = rehearsal;
  const node = await (await machinesOf(stack.name)).replica();
  stack.set(rehearsal.withAws({ image }));
  assert.deepEqual(await rehearsal.plan(), [], "a new image changes nothing by itself");
  const only = ["--target", `**${node}-instance`, "--target-dependents"];
  await stack.mustPulumi("destroy", "--yes", "--skip-preview", "--non-interactive", ...only);
  await stack.up();
  assert.equal((await instanceOf(rehearsal, node)).ImageId, image);
  await becomesWhole(stack);
}

/**
 * Another instance type for the database nodes: refused for both at once, then done by the command that the refusal names, node by
 * node, the leader last after a switchover.
 */
export async function retypes(rehearsal: Rehearsal, wanted: object & { type: string }): Promise<void> {
  const { stack } = rehearsal;
  const machines = stack.setting<object>("machines");
  stack.set({ machines: { ...machines, postgresql: { ...wanted, disk: 8 } } });
  const [refusal, ...more] = oneAtATime(await rehearsal.steps("--refresh"), stack.name);
  assert.deepEqual(more, []);
  assert.match(
    refusal ?? "nothing",
    /take away 2 nodes of postgresql at once: postgresql1 stopped, postgresql2 stopped/,
  );
  const [, advice] = /-- (--target '\*\*postgresql1\*\*' --target-dependents)$/.exec(refusal!) ?? [];
  assert.ok(advice, `names the command: ${refusal}`);
  const last = await (await machinesOf(stack.name)).leader();
  const first = last === "postgresql1" ? "postgresql2" : "postgresql1";
  for (const node of [first, last]) {
    // Both have their new settings with the first one, for which the leader may have given way.
    if ((await (await machinesOf(stack.name)).leader()) === node) {
      const { code, stdout, stderr } = await stack.pgha("switchover", "--yes", "--to", first);
      assert.equal(code, 0, stdout + stderr);
    }
    const only = ["--target", `**${node}**`, "--target-dependents"];
    assert.deepEqual(oneAtATime(await rehearsal.steps(...only), stack.name), []);
    assert.deepEqual(await rehearsal.touched(...only), [`update ${node}-instance`]);
    await stack.up(...only);
    assert.equal((await instanceOf(rehearsal, node)).InstanceType, wanted.type);
    await becomesWhole(stack);
  }
  await stack.up();
  assert.deepEqual(await rehearsal.plan("--refresh"), []);
}
