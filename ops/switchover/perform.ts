import type { NodeOutput } from "../../components/outputs";
import { askPatroni, patroniCurl, superuserPsql, type PatroniCluster, type Reached } from "../ask";
import { nodeNamed, nodesOf } from "../cluster";
import { exitCode, OpsError } from "../errors";
import { quote } from "../process";
import type { SwitchoverPlan } from "./plan";

/** How long a switchover may take until it counts as failed, seconds. */
const timeLimit = 60;
/** Held on the leader by whoever switches over; `give_way` of the converge step takes it too (converge/postgresql.sh). */
const lockFile = "/run/lock/pgha-switchover";

/** Done switchover; times are in seconds from the request. */
export interface SwitchoverResult {
  from: string;
  to: string;
  timelineBefore: number;
  timelineAfter: number;
  /** Until the new leader took writes. */
  promoted: number;
  /** Until the old leader streamed from the new one. */
  whole: number;
}

/**
 * Has Patroni switch over and waits until the new leader takes writes and the old one streams from it.
 * @throws OpsError when Patroni refuses, takes another than was wanted, or the time limit is over
 */
export async function performSwitchover(reached: Reached, plan: SwitchoverPlan): Promise<SwitchoverResult> {
  const { cluster } = reached;
  const from = nodeNamed(cluster, plan.from);
  const standbys = nodesOf(cluster, "postgresql").filter((node) => node !== from);
  const before = timelineOf(await askPatroni(reached), plan.from);
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started) / 1000;
  const done = new AbortController();
  const wait = (node: NodeOutput, until: string) => waitOn(reached, node, until, done.signal);
  const follows = `EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming' AND received_tli > ${before})`;

  try {
    // Every standby is asked at once, and ends its wait when it leads or follows the one that does.
    const leads = Promise.any(
      standbys.map(async (node) => {
        const leader = await wait(node, `NOT pg_is_in_recovery() OR ${follows}`);
        if (!leader) throw new Error(`${node.name} does not lead`);
        return { to: node.name, promoted: elapsed() };
      }),
    ).catch(() => undefined);
    await request(reached, from, plan);
    const winner = await leads;
    if (!winner) throw tooLate("no standby took over", plan.from);
    if (plan.to !== null && winner.to !== plan.to) {
      throw new OpsError(`${winner.to} leads now: Patroni chose it instead of ${plan.to}`, exitCode.bad);
    }
    if ((await wait(from, follows)) === undefined)
      throw tooLate(`${plan.from} did not stream from ${winner.to}`, plan.from);
    const whole = elapsed();
    const timelineAfter = timelineOf(await askPatroni(reached), winner.to);
    const { to, promoted } = winner;
    return { from: plan.from, to, timelineBefore: before, timelineAfter, promoted, whole };
  } finally {
    done.abort();
  }
}

const tooLate = (what: string, node: string) =>
  new OpsError(`${what} within ${timeLimit} s; \`pgha status\` and \`pgha logs ${node}\` show more`, exitCode.bad);

function timelineOf(view: PatroniCluster, name: string): number {
  const timeline = view.members.find((member) => member.name === name)?.timeline;
  if (timeline === undefined) throw new OpsError(`Patroni does not report the timeline of ${name}; try again`);
  return timeline;
}

/**
 * Asks the leader's Patroni, which answers when somebody else leads. It takes a second request while one is under way, and
 * forgets the first one for it, so there is a lock.
 * @throws OpsError with Patroni's words when it refuses
 */
async function request({ runner }: Reached, from: NodeOutput, { to }: SwitchoverPlan): Promise<void> {
  const body = quote(JSON.stringify({ leader: from.name, ...(to !== null && { candidate: to }) }));
  const args = `--max-time ${timeLimit} -w '\\n%{http_code}' -X POST -H 'Content-Type: application/json' -d ${body}`;
  const script = `exec {lock}>${lockFile}
flock -n "$lock" || { printf 'another switchover is under way\\n409'; exit; }
${patroniCurl(from, "/switchover", args)}`;
  const timeout = (timeLimit + 5) * 1000;
  const { code, stdout, stderr, unreachable } = await runner.run(from.name, script, { timeout });
  const [http = "", ...text] = stdout.trim().split("\n").reverse();
  if (code === 0 && http === "200") return;
  const said = text.reverse().join(" ") || stderr.trim() || unreachable;
  throw new OpsError(
    `Patroni did not switch over: ${said}. \`pgha status\` shows how the cluster is now`,
    exitCode.bad,
  );
}

/**
 * Waits on a node until a condition in SQL holds there. One session asks again and again, which is cheap: the machine has better
 * things to do now. Where nobody waits any more it ends at the time limit.
 * @returns whether the node leads then; undefined when it did not come within the time limit
 */
async function waitOn(
  { runner }: Reached,
  node: NodeOutput,
  until: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const script = `for ((end = SECONDS + ${timeLimit}; SECONDS < end; )); do
timeout $((end - SECONDS + 1)) ${superuserPsql} 2>/dev/null <<'SQL' && exit
\\o /dev/null
SELECT 1 WHERE NOT (${until}) \\watch i=0.02 min_rows=1
\\o
SELECT NOT pg_is_in_recovery();
SQL
sleep 0.1
done
exit 1`;
  const { code, stdout } = await runner.run(node.name, script, { timeout: (timeLimit + 5) * 1000, signal });
  return code === 0 ? stdout.trim() === "t" : undefined;
}
