import { setTimeout as pause } from "node:timers/promises";
import { notBelowLeader } from "../cloud-init/services/patroni/leader-first";
import { askLeader, etcdctl, etcdEndpoint, parseJson, patroniCurl, type Reached } from "./ask";
import { nodeNamed, nodesOf } from "./cluster";
import { confirmed } from "./confirm";
import { exitCode, OpsError } from "./errors";
import { clusterUnfit, Refused } from "./refusal";
import { getStatus, type DatabaseNode, type Status } from "./status";
import { isSynchronous } from "./status/assess";
import { withPools } from "./switchover/command";
import { performSwitchover } from "./switchover/perform";
import { prepareSwitchover } from "./switchover/plan";
import { leaveTrail } from "./trail";

/** How long a node has to be back after its restart, seconds. */
const backLimit = 120;
/** How long another node's turn may take, seconds. */
const turnLimit = 300;
/** Pause between two looks, milliseconds. */
const lookEvery = 500;

/** Who restarts, and in which order. */
export interface RestartPlan {
  order: string[];
  leader: string;
  /** The leader restarts first and where it is: a parameter is lowered that a standby may not have lower than its leader. */
  leaderFirst: boolean;
}

/** What waits for a restart, as Patroni tells it (`GET /patroni`, `pending_restart_reason`). */
export type PendingReason = Record<string, { old_value: string; new_value: string }>;

/**
 * Plans the restarts: standbys one by one, the leader last.
 * @param reason of the leader's pending restart
 * @throws OpsError with all that speaks against it
 */
export function planRestart(status: Status, synchronous: boolean, reason: PendingReason): RestartPlan {
  const { leader, database } = status;
  const said = database.flatMap((node) => notWell(node, status, synchronous));
  if (!leader) said.unshift("nobody leads");
  said.push(...clusterUnfit(status));
  if (said.length > 0 || !leader) throw new Refused("restart", said);
  const leaderFirst = Object.entries(reason).some(
    ([name, { old_value, new_value }]) => notBelowLeader.includes(name) && Number(new_value) < Number(old_value),
  );
  const due = database.filter(({ pendingRestart }) => pendingRestart).map(({ name }) => name);
  const standbys = due.filter((name) => name !== leader);
  const last = due.filter((name) => name === leader);
  return { order: leaderFirst ? [...last, ...standbys] : [...standbys, ...last], leader, leaderFirst };
}

/** Why a node is not as it must be before another one restarts. */
function notWell(node: DatabaseNode, { leader }: Pick<Status, "leader">, synchronous: boolean): string[] {
  const { name, problem, state } = node;
  if (problem) return [`${name}: ${problem}`];
  if (name === leader) return state === "running" ? [] : [`${name} leads but is ${state}`];
  if (state !== "streaming") return [`${name} is ${state ?? "not a member"}, not streaming`];
  return synchronous && !isSynchronous(node) ? [`${name} is not synchronous`] : [];
}

/** `pgha restart`. */
export async function restartCommand(reached: Reached, options: { yes?: boolean }): Promise<number> {
  const { order, leader, leaderFirst } = await prepare(reached);
  if (order.length === 0) {
    console.log("Nothing waits for a restart.");
    return exitCode.ok;
  }
  const question = `Restart PostgreSQL on ${order.join(", then ")}? ${stall(reached, { order, leader, leaderFirst })}`;
  if (!options.yes && !(await confirmed(question, "a restart"))) {
    console.log("Nothing was changed.");
    return exitCode.bad;
  }
  await leaveTrail(reached, order, `restarts PostgreSQL on ${order.join(", ")}`);
  for (const name of order) {
    const started = performance.now();
    if (!leaderFirst && (await askLeader(reached)).name === name) await giveWay(reached);
    // A leader that hands over becomes a standby by a restart.
    if (await isPending(reached, name)) await restartNode(reached, name);
    await becomesWell(reached, name);
    const seconds = (performance.now() - started) / 1000;
    console.log(`${name} has restarted, and was healthy again after ${seconds.toFixed(1)} s.`);
  }
  return exitCode.ok;
}

const isPending = async (reached: Reached, name: string) =>
  (await getStatus(reached)).database.some((node) => node.name === name && node.pendingRestart);

async function prepare(reached: Reached): Promise<RestartPlan> {
  const synchronous = reached.cluster.facts.synchronous === "quorum";
  const status = await getStatus(reached);
  const node = nodesOf(reached.cluster, "postgresql").find(({ name }) => name === status.leader);
  const answer = node && (await reached.runner.run(node.name, patroniCurl(node, "/patroni")));
  const own = parseJson<{ pending_restart_reason?: PendingReason }>(answer?.stdout ?? "");
  return planRestart(status, synchronous, own?.pending_restart_reason ?? {});
}

function stall({ cluster }: Reached, { order, leader, leaderFirst }: RestartPlan): string {
  const single = cluster.facts.synchronous === "quorum" && nodesOf(cluster, "postgresql").length < 3;
  if (leaderFirst) return "A parameter is lowered, so the leader restarts in place: writes stall meanwhile.";
  if (single) return "Writes stall while the only standby restarts.";
  return order.includes(leader) ? "The leader hands over first: writes stall for about a second." : "Writes go on.";
}

async function giveWay(reached: Reached): Promise<void> {
  const plan = await prepareSwitchover(reached, { wait: reached.cluster.facts.clock.ttl + 5 });
  const { done } = await withPools(reached, () => performSwitchover(reached, plan));
  console.log(`${done.to} leads now, ${done.from} follows.`);
}

/** Restarts PostgreSQL on a node, in its turn among all that `pulumi up` may be restarting. */
async function restartNode(reached: Reached, name: string): Promise<void> {
  const { cluster, runner } = reached;
  const node = nodeNamed(cluster, name);
  const endpoints = nodesOf(cluster, "etcd").map(etcdEndpoint).join(",");
  const body = `-H 'Content-Type: application/json' -d '{"restart_pending": true}'`;
  const restart = patroniCurl(node, "/restart", `-f -o /dev/null --max-time ${backLimit} -X POST ${body}`);
  // The same turn as in the converge step (converge/common.sh).
  const turn = etcdctl(endpoints, `lock --ttl 15 -- /pgha/${cluster.facts.name}/turn`);
  const { code, stderr, unreachable } = await runner.run(name, `timeout ${turnLimit} ${turn} ${restart}`, {
    timeout: (turnLimit + 10) * 1000,
  });
  if (code !== 0) {
    const why = unreachable ?? (stderr.trim().split("\n").at(-1) || `exit code ${code}`);
    throw new OpsError(`${name} was not restarted: ${why}; \`pgha logs ${name}\` shows more`, exitCode.bad);
  }
}

async function becomesWell(reached: Reached, name: string): Promise<void> {
  const synchronous = reached.cluster.facts.synchronous === "quorum";
  let complaints: string[] = [];
  for (const deadline = Date.now() + backLimit * 1000; Date.now() < deadline; await pause(lookEvery)) {
    const status = await getStatus(reached);
    complaints = status.database.flatMap((node) => notWell(node, status, synchronous));
    if (status.database.some((node) => node.name === name && node.pendingRestart))
      complaints.push(`${name} still waits for a restart`);
    if (complaints.length === 0 && status.leader) return;
  }
  throw new OpsError(
    `not healthy within ${backLimit} s of the restart of ${name}: ${complaints.join("; ")}`,
    exitCode.bad,
  );
}
