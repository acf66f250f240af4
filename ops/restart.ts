import { setTimeout as pause } from "node:timers/promises";
import { askLeader, etcdctl, etcdEndpoint, parseJson, patroniCurl, type Reached } from "./ask";
import { nodeNamed, nodesOf } from "./cluster";
import { confirmed } from "./confirm";
import { askDecision, decide, type Decision, type Reason, type RestartOrder } from "./decide";
import { exitCode, OpsError } from "./errors";
import { quote } from "./process";
import { Refused } from "./refusal";
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

/** `pgha restart`. */
export async function restartCommand(reached: Reached, options: { yes?: boolean }): Promise<number> {
  const plan = await askOrder(reached);
  const { order, leader_first: leaderFirst } = plan;
  if (plan.reasons.length > 0) throw new Refused("restart", plan.reasons);
  if (order.length === 0) {
    console.log("Nothing waits for a restart.");
    return exitCode.ok;
  }
  const question = `Restart PostgreSQL on ${order.join(", then ")}? ${stall(reached, plan)}`;
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

const askOrder = (reached: Reached) => askDecision<RestartOrder>(reached, "order");

const isPending = async (reached: Reached, name: string) => (await askOrder(reached)).order.includes(name);

function stall({ cluster }: Reached, { order, leader, leader_first: leaderFirst }: RestartOrder): string {
  const single = cluster.facts.synchronous === "quorum" && nodesOf(cluster, "postgresql").length < 3;
  if (leaderFirst) return "A parameter is lowered, so the leader restarts in place: writes stall meanwhile.";
  if (single) return "Writes stall while the only standby restarts.";
  return leader && order.includes(leader)
    ? "The leader hands over first: writes stall for about a second."
    : "Writes go on.";
}

async function giveWay(reached: Reached): Promise<void> {
  const plan = await prepareSwitchover(reached, { wait: reached.cluster.facts.clock.ttl + 5 });
  const { done } = await withPools(reached, () => performSwitchover(reached, plan));
  console.log(`${done.to} leads now, ${done.from} follows.`);
}

/** Restarts PostgreSQL on a node, in its turn among all that `pulumi up` may be restarting, and if it may be then. */
async function restartNode(reached: Reached, name: string): Promise<void> {
  const { cluster, runner } = reached;
  const node = nodeNamed(cluster, name);
  const endpoints = nodesOf(cluster, "etcd").map(etcdEndpoint).join(",");
  const body = `-H 'Content-Type: application/json' -d '{"restart_pending": true}'`;
  const restart = patroniCurl(node, "/restart", `-f -o /dev/null --max-time ${backLimit} -X POST ${body}`);
  // The same turn as in the converge step (converge/common.sh).
  const turn = etcdctl(endpoints, `lock --ttl 15 -- /pgha/${cluster.facts.name}/turn`);
  const inTurn = `bash -c ${quote(`${decide("restart", name)} && ${restart}`)}`;
  const { code, stdout, stderr, unreachable } = await runner.run(name, `timeout ${turnLimit} ${turn} ${inTurn}`, {
    timeout: (turnLimit + 10) * 1000,
  });
  if (code === 0) return;
  const decision = parseJson<Decision>(stdout);
  const against = decision?.go === false && inWords(decision.reasons);
  const why = against || (unreachable ?? (stderr.trim().split("\n").at(-1) || `exit code ${code}`));
  throw new OpsError(`${name} was not restarted: ${why}; \`pgha logs ${name}\` shows more`, exitCode.bad);
}

/** Waits until every node is well, and this one waits for a restart no more. */
async function becomesWell(reached: Reached, name: string): Promise<void> {
  let reasons: Reason[] = [];
  for (const deadline = Date.now() + backLimit * 1000; Date.now() < deadline; await pause(lookEvery)) {
    const answer = await askOrder(reached);
    reasons = answer.reasons;
    if (answer.order.includes(name)) reasons.push({ text: `${name} still waits for a restart` });
    if (reasons.length === 0) return;
  }
  throw new OpsError(`not healthy within ${backLimit} s of the restart of ${name}: ${inWords(reasons)}`, exitCode.bad);
}

const inWords = (reasons: Reason[]) => reasons.map(({ text }) => text).join("; ");
