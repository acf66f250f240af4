import { setTimeout as pause } from "node:timers/promises";
import type { Reached } from "../ask";
import { askDecision, type Decision, type Reason } from "../decide";
import { Refused } from "../refusal";
import { getStatus, type Status } from "../status";

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

/** A switchover that is refused, with every reason at once. Nothing has been changed. */
export class Refusal extends Refused {
  /** Every reason goes by itself. */
  readonly passes: boolean;

  constructor(reasons: Reason[]) {
    const passes = reasons.every((reason) => reason.passes);
    const wait = passes ? [{ text: "`--wait SECONDS` waits for that, for it passes by itself" }] : [];
    super("switchover", [...reasons, ...wait]);
    this.passes = passes;
  }
}

/**
 * Makes sure that nothing speaks against a switchover: by the database nodes' rules (`decide.py`), and of what only this side sees.
 * @throws Refusal
 */
export function planSwitchover(
  status: Status,
  decision: Decision,
  { force }: Pick<PlanOptions, "force"> = {},
): SwitchoverPlan {
  const { go, request } = decision;
  const reasons = [...(go ? [] : decision.reasons), ...pausedPools(status), ...(force ? [] : longTransactions(status))];
  if (reasons.length > 0 || !request) throw new Refusal(reasons);
  return { from: request.leader, to: request.candidate ?? null };
}

/** Somebody has paused them, and nothing but that goes on. */
const pausedPools = ({ proxies }: Status): Reason[] =>
  proxies
    .filter(({ pgbouncer }) => pgbouncer?.paused.length)
    .map(({ name, pgbouncer }) => ({ text: `${name}: PgBouncer holds ${pgbouncer!.paused.join(", ")} by PAUSE` }));

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
 * Looks at the cluster and plans; what passes by itself is waited for.
 * @param options.wait how long, seconds
 * @throws Refusal
 */
export async function prepareSwitchover(
  reached: Reached,
  { wait, to, force }: PlanOptions & { wait: number },
): Promise<SwitchoverPlan> {
  const end = performance.now() + wait * 1000;
  const question = ["switchover", ...(to === undefined ? [] : ["--to", to])];
  for (;;) {
    const [status, decision] = await Promise.all([getStatus(reached), askDecision(reached, ...question)]);
    try {
      return planSwitchover(status, decision, { force });
    } catch (error) {
      if (!(error instanceof Refusal && error.passes) || performance.now() >= end) throw error;
    }
    await pause(lookEvery);
  }
}
