import { setTimeout as pause } from "node:timers/promises";
import type { Reached } from "../ask";
import { getStatus, type Status } from "../status";
import { isSynchronous } from "../status/assess";
import { bytes } from "../table";

export interface WholeOptions {
  /** How long to wait, seconds. */
  timeout: number;
  /** Writes go on meanwhile: a standby may be a little behind. Otherwise it must have everything. */
  loaded: boolean;
}

/** How far a standby may be behind under load, bytes. */
const lagUnderLoad = 1024 ** 2;
/** Pause between two looks, milliseconds. A look costs every machine some CPU. */
const lookEvery = 500;

/** When a cluster was healthy. */
export interface Whole {
  /** Until the first of two looks in a row that found no problem; null: that never came. */
  seconds: number | null;
  /** What the last look found. */
  complaints: string[];
}

/**
 * Waits until everything is as it should be: every member there and on one timeline, every standby streaming, synchronous
 * and up to date, etcd healthy, the proxies sending everyone to the right place. One good look may have seen what a machine
 * left behind in etcd before it went, so it takes two.
 */
export async function becomesWhole(reached: Reached, { timeout, loaded }: WholeOptions): Promise<Whole> {
  const { synchronous } = reached.cluster.facts;
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  let since: number | undefined;
  for (;;) {
    const complaints = problemsOf(await getStatus(reached), { synchronous: synchronous === "quorum", loaded });
    if (complaints.length > 0) since = undefined;
    else if (since !== undefined) return { seconds: since, complaints };
    else since = elapsed();
    if (elapsed() > timeout && since === undefined) return { seconds: null, complaints };
    await pause(lookEvery);
  }
}

/** What is not as it should be, one line each. Stricter than `pgha status`, which warns of what an operator must fix. */
export function problemsOf(
  status: Status,
  { synchronous, loaded }: { synchronous: boolean; loaded: boolean },
): string[] {
  const said = [...status.warnings];
  const mostLag = loaded ? lagUnderLoad : 0;
  for (const node of status.database) {
    if (node.problem !== null || node.name === status.leader) continue;
    const say = (text: string) => said.push(`${node.name} ${text}`);
    if (node.timeline === null || node.timeline !== status.timeline)
      say(`is on timeline ${node.timeline ?? "unknown"}, the leader on ${status.timeline ?? "unknown"}`);
    if (node.lag === null) say("does not report its lag");
    else if (node.lag > mostLag) say(`is ${bytes(node.lag)} behind`);
    if (synchronous && !isSynchronous(node)) say("is not synchronous");
  }
  return [...new Set(said)];
}
