import { askPatroni, patroniCurl, type PatroniCluster, type Reached } from "./ask";
import { nodeNamed } from "./cluster";
import { confirmed } from "./confirm";
import { exitCode, OpsError } from "./errors";
import { quote } from "./process";
import { getStatus, type Status } from "./status";
import { isSynchronous } from "./status/assess";
import { bytes } from "./table";

/** A standby further behind than this must catch up first, bytes. Under load a sound one is some kilobytes behind. */
const mostLag = 1024 ** 2;
/** How long a switchover may take until it counts as failed, seconds. */
const timeLimit = 60;

/** Who hands over to whom. */
export interface SwitchoverPlan {
  from: string;
  to: string;
}

/** Done switchover; times are in seconds from the request. */
export interface SwitchoverResult extends SwitchoverPlan {
  timelineBefore: number;
  timelineAfter: number;
  /** Until the new leader took writes. */
  promoted: number;
  /** Until the old leader streamed from the new one. */
  whole: number;
}

/**
 * Chooses the standby that takes over and makes sure that nothing speaks against it.
 * @param to the standby wanted. @default the synchronous one that is least behind
 * @throws OpsError (exit code 1) with every reason at once
 */
export function planSwitchover(status: Status, synchronous: boolean, to?: string): SwitchoverPlan {
  const { leader } = status;
  const healthy = status.etcd.filter((member) => member.healthy).length;
  const reasons: string[] = [];
  if (!leader) reasons.push("there is no leader that could hand over");
  if (healthy * 2 <= status.etcd.length)
    reasons.push(`only ${healthy} of ${status.etcd.length} etcd members are healthy`);
  if (status.switchover) reasons.push("another switchover is scheduled or under way");

  const fit = status.database.filter(
    (node) => node.name !== leader && unfit(node.name, status, synchronous).length === 0,
  );
  if (to === undefined && leader && fit.length === 0) {
    const why = status.database
      .filter(({ name }) => name !== leader)
      .flatMap(({ name }) => unfit(name, status, synchronous));
    reasons.push("no standby can take over", ...why);
  }
  if (to !== undefined) reasons.push(...(to === leader ? [`${to} leads already`] : unfit(to, status, synchronous)));
  const candidate = to ?? fit.sort((a, b) => (a.lag ?? 0) - (b.lag ?? 0) || a.name.localeCompare(b.name))[0]?.name;
  if (reasons.length > 0 || !leader || !candidate) {
    throw new OpsError(
      `switchover refused, nothing was changed:\n${reasons.map((text) => `  - ${text}`).join("\n")}`,
      exitCode.bad,
    );
  }
  return { from: leader, to: candidate };
}

/** What speaks against this standby as the next leader; empty: nothing. */
function unfit(name: string, status: Status, synchronous: boolean): string[] {
  const node = status.database.find((candidate) => candidate.name === name);
  if (!node) {
    return [`there is no database node '${name}'; there are ${status.database.map((n) => n.name).join(", ")}`];
  }
  if (node.problem) return [`${name}: ${node.problem}`];
  const said: string[] = [];
  if (node.state !== "streaming") said.push(`is ${node.state ?? "no member"}, not streaming`);
  else if (synchronous && !isSynchronous(node)) said.push("is not synchronous and may lack acknowledged commits");
  if (node.timeline !== null && node.timeline !== status.timeline)
    said.push(`is on another timeline (${node.timeline})`);
  if (node.replayPaused) said.push("has its replay paused");
  if (node.lag === null) said.push("does not tell how far behind it is");
  else if (node.lag > mostLag) said.push(`is ${bytes(node.lag)} behind`);
  return said.map((text) => `${name} ${text}`);
}

/**
 * Has Patroni switch over and waits until the new leader takes writes and the old one streams from it.
 * @throws OpsError when Patroni refuses, or the time limit is over
 */
export async function performSwitchover(reached: Reached, plan: SwitchoverPlan): Promise<SwitchoverResult> {
  const { cluster, runner } = reached;
  const from = nodeNamed(cluster, plan.from);
  const to = nodeNamed(cluster, plan.to);
  const before = leaderTimeline(await askPatroni(reached), plan.from);
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started) / 1000;
  const timeout = (timeLimit + 5) * 1000;

  const body = quote(JSON.stringify({ leader: plan.from, candidate: plan.to }));
  const request = `--max-time ${timeLimit} -w '\\n%{http_code}' -X POST -H 'Content-Type: application/json' -d ${body}`;
  const answer = runner.run(from.name, patroniCurl(from, "/switchover", request), { timeout });
  const leads = waitOn(runner, to.name, `${patroniCurl(to, "/primary", "-f --max-time 1")} >/dev/null 2>&1`).then(
    (promoted) => (promoted ? elapsed() : undefined),
  );

  const { code, stdout, stderr, unreachable } = await answer;
  const [http = "", ...text] = stdout.trim().split("\n").reverse();
  const said = text.reverse().join(" ") || stderr.trim() || unreachable;
  if (code !== 0 || http !== "200") {
    throw new OpsError(
      `Patroni did not switch over: ${said}. \`pgha status\` shows how the cluster is now`,
      exitCode.bad,
    );
  }
  const promoted = await leads;
  const streams = `${patroniCurl(to, "/cluster")} 2>/dev/null | jq -e ${quote(`[.members[] | select(.name == "${from.name}")][0].state == "streaming"`)} >/dev/null`;
  const whole = promoted !== undefined && (await waitOn(runner, to.name, streams));
  if (!whole) {
    const what =
      promoted === undefined ? `${to.name} did not take over` : `${from.name} did not stream from ${to.name}`;
    throw new OpsError(
      `${what} within ${timeLimit} s; \`pgha status\` and \`pgha logs ${from.name}\` show more`,
      exitCode.bad,
    );
  }
  const took = elapsed();
  const after = leaderTimeline(await askPatroni(reached), plan.to);
  return { ...plan, timelineBefore: before, timelineAfter: after, promoted, whole: took };
}

const leaderTimeline = (view: PatroniCluster, name: string) =>
  view.members.find((member) => member.name === name)?.timeline ?? 0;

/** Waits on a node until a command succeeds there. @returns whether it did, within the time limit */
async function waitOn(runner: Reached["runner"], node: string, command: string): Promise<boolean> {
  const script = `for ((end = SECONDS + ${timeLimit}; SECONDS < end; )); do ${command} && exit; sleep 0.05; done; exit 1`;
  return (await runner.run(node, script, { timeout: (timeLimit + 5) * 1000 })).code === 0;
}

export interface SwitchoverOptions {
  to?: string;
  yes?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `pgha switchover`. */
export async function switchoverCommand(reached: Reached, options: SwitchoverOptions): Promise<number> {
  const { cluster } = reached;
  const status = await getStatus(reached);
  const plan = planSwitchover(status, cluster.outputs.cluster.synchronous === "quorum", options.to);
  if (options.dryRun) {
    console.log(
      options.json ? JSON.stringify(plan) : `Nothing speaks against a switchover from ${plan.from} to ${plan.to}.`,
    );
    return exitCode.ok;
  }
  if (
    !options.yes &&
    !(await confirmed(
      `Switch over from ${plan.from} to ${plan.to}? Writes stall for about two seconds.`,
      "a switchover",
    ))
  ) {
    console.log("Nothing was changed.");
    return exitCode.bad;
  }
  const done = await performSwitchover(reached, plan);
  if (options.json) console.log(JSON.stringify(done));
  else {
    console.log(
      `${done.to} leads now, ${done.from} follows: timeline ${done.timelineBefore} -> ${done.timelineAfter}.`,
    );
    console.log(
      `The new leader took writes after ${done.promoted.toFixed(1)} s; all was whole after ${done.whole.toFixed(1)} s.`,
    );
  }
  return exitCode.ok;
}
