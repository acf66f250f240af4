import { setTimeout as pause } from "node:timers/promises";
import type { ClusterOutput } from "../../components/outputs";
import type { Reached } from "../ask";
import { patroniPaused, Refused } from "../refusal";
import { getStatus, type DatabaseNode, type Status } from "../status";
import { hasQuorum, votes } from "../status/members";
import { bytes } from "../table";

/** A standby further behind than this must catch up first, bytes. Under load a sound one is some kilobytes behind. */
const mostLag = 1024 ** 2;
/** Pause between two looks while something passes, milliseconds. */
const lookEvery = 500;

/** Who hands over to whom. */
export interface SwitchoverPlan {
  from: string;
  /**
   * Null: Patroni is given no name, and the standbys find out among themselves who is furthest ahead. When it is given one, the
   * other standbys sleep for 2 s before they follow (ha.py, `process_unhealthy_cluster`), and no commit is confirmed meanwhile.
   */
  to: string | null;
}

export interface PlanOptions {
  /** The standby wanted. @default whichever is furthest ahead */
  to?: string;
  /** Cut transactions that have been open for long. @default false */
  force?: boolean;
}

/** Something that speaks against a switchover. */
interface Reason {
  text: string;
  /** It goes by itself, so a moment later it may be gone. */
  passes?: boolean;
}

/** A switchover that is refused, with every reason at once. Nothing has been changed. */
export class Refusal extends Refused {
  /** Every reason goes by itself. */
  readonly passes: boolean;

  constructor(reasons: Reason[]) {
    super(
      "switchover",
      reasons.map(({ text }) => text),
    );
    this.passes = reasons.every(({ passes }) => passes);
  }
}

/**
 * Makes sure that nothing speaks against a switchover, and decides whether a name must be given. It must when there is but one
 * standby to take over, or when Patroni by itself might choose one that is not fit, or give up for it.
 * @throws Refusal
 */
export function planSwitchover(
  status: Status,
  { synchronous, clock }: Pick<ClusterOutput, "synchronous" | "clock">,
  { to, force }: PlanOptions = {},
): SwitchoverPlan {
  const standbys = status.database.filter(({ name }) => name !== status.leader);
  const against = (node: DatabaseNode) => unfit(node, status, synchronous === "quorum");
  const fit = standbys.filter((node) => against(node).length === 0);
  const reasons: Reason[] = [
    ...againstAny(status),
    ...(force ? [] : longTransactions(status)),
    ...failsafe(status, clock.ttl),
  ];
  if (to !== undefined) reasons.push(...againstTarget(to, status, against));
  else if (status.leader && fit.length === 0)
    reasons.push({ text: "no standby can take over" }, ...standbys.flatMap(against));

  const best = fit.sort((a, b) => (a.lag ?? 0) - (b.lag ?? 0) || a.name.localeCompare(b.name))[0]?.name;
  if (reasons.length > 0 || !status.leader || !best) throw new Refusal(reasons);
  // Patroni lets synchronous standbys alone take part (ha.py, `is_healthiest_node`).
  const racers = synchronous === "quorum" ? standbys.filter(({ sync }) => sync === "quorum" || sync === "sync") : fit;
  const free = racers.length > 1 && racers.every((node) => fit.includes(node));
  return { from: status.leader, to: to ?? (free ? null : best) };
}

/** Whom it hands over to does not matter for these. */
function againstAny(status: Status): Reason[] {
  const { leader, switchover, paused, proxies } = status;
  const node = status.database.find(({ name }) => name === leader);
  const said: string[] = [];
  if (!leader) said.push("there is no leader that could hand over");
  else if (node?.problem) said.push(`${leader}, which leads: ${node.problem}`);
  else if (node && node.state !== "running") said.push(`${leader} leads but is ${node.state}`);
  if (!hasQuorum(status)) {
    const { voters, healthy } = votes(status);
    said.push(`only ${healthy} of ${voters} etcd members are healthy`);
  }
  if (switchover) said.push(`another switchover is ${switchover.at ? `scheduled for ${switchover.at}` : "under way"}`);
  if (paused) said.push(patroniPaused);
  for (const { name, pgbouncer } of proxies) {
    if (pgbouncer?.paused.length) said.push(`${name}: PgBouncer holds ${pgbouncer.paused.join(", ")} by PAUSE`);
  }
  return said.map((text) => ({ text }));
}

function againstTarget(to: string, status: Status, against: (node: DatabaseNode) => Reason[]): Reason[] {
  const node = status.database.find(({ name }) => name === to);
  if (to === status.leader) return [{ text: `${to} leads already` }];
  if (node) return against(node);
  return [{ text: `there is no database node '${to}'; there are ${status.database.map((n) => n.name).join(", ")}` }];
}

/** What speaks against this standby as the next leader; empty: nothing. */
function unfit(node: DatabaseNode, status: Status, synchronous: boolean): Reason[] {
  if (node.problem) return [{ text: `${node.name}: ${node.problem}` }];
  const said: string[] = [];
  if (node.state !== "streaming") said.push(`is ${node.state ?? "not a member"}, not streaming`);
  else if (synchronous && node.sync !== "quorum" && node.sync !== "sync")
    said.push("is not synchronous and may lack acknowledged commits");
  if (node.nofailover) said.push("has the tag nofailover");
  if (node.timeline !== null && node.timeline !== status.timeline)
    said.push(`is on another timeline (${node.timeline})`);
  if (node.replayPaused) said.push("has its replay paused");
  if (node.lag === null) said.push("does not report its lag");
  else if (node.lag > mostLag) said.push(`is ${bytes(node.lag)} behind`);
  return said.map((text) => ({ text: `${node.name} ${text}` }));
}

/** Transactions that would not end while the pools are paused, and so would be cut. */
function longTransactions({ database, leader }: Status): Reason[] {
  const node = database.find(({ name }) => name === leader);
  if (!node || node.problem) return [];
  if (!node.longTransactions) return [{ text: `${node.name} does not report its open transactions` }];
  return node.longTransactions.map(({ pid, user, seconds }) => ({
    text: `a transaction of ${user} has been open for ${seconds} s (pid ${pid} on ${node.name}); --force cuts it`,
    passes: true,
  }));
}

/**
 * A standby that was asked in failsafe mode believes in that leader for `ttl` after the last time, and does not see that the
 * key is free (ha.py, `Failsafe.leader`, `load_cluster_from_dcs`). It does not tell how much of that is left.
 */
function failsafe({ database }: Status, ttl: number): Reason[] {
  const asked = database.filter((node) => node.failsafe).map(({ name }) => name);
  if (asked.length === 0) return [];
  const why = `etcd was out of the leader's reach a moment ago, and ${asked.join(", ")} may hold on to it`;
  return [{ text: `${why} for up to ${ttl} s more; --wait ${ttl} waits for that`, passes: true }];
}

/**
 * Looks at the cluster and plans; what passes by itself is waited for.
 * @param options.wait how long, seconds
 * @throws Refusal
 */
export async function prepareSwitchover(
  reached: Reached,
  { wait, ...options }: PlanOptions & { wait: number },
): Promise<SwitchoverPlan> {
  const end = performance.now() + wait * 1000;
  for (;;) {
    const status = await getStatus(reached);
    try {
      return planSwitchover(status, reached.cluster.facts, options);
    } catch (error) {
      if (!(error instanceof Refusal && error.passes) || performance.now() >= end) throw error;
    }
    await pause(lookEvery);
  }
}
