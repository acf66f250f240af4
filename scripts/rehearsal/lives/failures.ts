/** What ends a first `up` half-way: AWS refuses something, or somebody ends it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { pendingCreates } from "../../pending";
import { nothingLeft, smallest, stays, whole, type Life, type Step } from "../life";
import type { Rehearsal } from "../rehearsal";

/** AWS' own words, by what they are an answer to. */
const refusals: [action: string, code: string, message: string][] = [
  ["ec2:AllocateAddress", "AddressLimitExceeded", "The maximum number of addresses has been reached."],
  [
    "ec2:RunInstances",
    "InsufficientInstanceCapacity",
    "We currently do not have sufficient t3.nano capacity in the Availability Zone you requested (us-east-1b).",
  ],
];

const refused = refusals.map(([action, code, message]): Step => [
  `up ends with what AWS says: ${code}`,
  async ({ cloud, stack }) => {
    cloud.refuseOnce(action, code, message);
    const said = await stack.failedUp({}, "--refresh");
    assert.ok(said.includes(message), `says what AWS said: ${said}`);
  },
]);

/** Ends an `up` while a call of it is done by AWS and not yet heard of. */
async function ends({ cloud, stack }: Rehearsal, action: string, end: (pid: number) => void): Promise<void> {
  // One thing at a time: so it is known what was under way.
  const up = stack.startUp("--refresh", "--parallel", "1");
  cloud.onceDone(action, () => end(up.pid!));
  const [code] = (await once(up, "exit")) as [number | null];
  assert.notEqual(code, 0, `ended at ${action}`);
}

/** Pulumi waits for what is under way, and notes it. */
const interrupted: Step = [
  "up is interrupted (Ctrl-C) while a machine starts: it is in the state",
  (rehearsal) => ends(rehearsal, "ec2:RunInstances", (pid) => process.kill(pid, "SIGINT")),
];

/** Nobody noted the role that AWS made: it is in the way of the next `up`, until somebody has looked. */
const killed: Step = [
  "up is killed while a role is made: the next one says what is in its way, and goes on once that is deleted",
  async (rehearsal) => {
    const { cloud, stack } = rehearsal;
    // With all that it had started.
    await ends(rehearsal, "iam:CreateRole", (pid) => process.kill(-pid, "SIGKILL"));
    await stack.mustPulumi("cancel", "--yes");
    const [pending, ...more] = pendingCreates(await stack.mustPulumi("stack", "export"));
    assert.deepEqual(more, []);
    const said = await stack.failedUp({}, "--refresh");
    const [, RoleName] = /Role with name (\S+) already exists/.exec(said) ?? [];
    assert.ok(RoleName, said);
    assert.equal(pending, `${nodeOf(stack.cluster, RoleName)}-role`);
    await cloud.account.iam.deleteRole({ RoleName });
    const forget = ["--clear-pending-creates", "--yes", "--skip-preview", "--non-interactive"];
    await stack.mustPulumi("refresh", ...forget);
    assert.deepEqual(pendingCreates(await stack.mustPulumi("stack", "export")), []);
  },
];

/** The resource's name for whose role it is. */
const nodeOf = (cluster: string, role: string) => {
  const node = role.slice(`${cluster}-`.length);
  return node === "bastion" ? "pgha-aws-bastion" : node;
};

export const failures: Life = {
  about: "a first `up` that AWS refuses half-way, for quotas and capacity; one that is interrupted, one that is killed",
  of: "staging",
  shape: () => ({ settings: { nodes: smallest } }),
  steps: [
    killed,
    interrupted,
    ...refused,
    ["up finishes what they began", ({ stack }) => stack.up("--refresh").then(() => undefined)],
    whole,
    stays,
    nothingLeft,
  ],
};
