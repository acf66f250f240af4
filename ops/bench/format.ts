import type { Throughput, ThroughputRun } from "../drill/model";
import { table } from "../table";

/** The middle of several figures; undefined when there are none. */
export function median(figures: number[]): number | undefined {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return undefined;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Results as a table: a line for each work, commit and number of clients; each path beside the direct one, which is 1.00. */
export function formatThroughput({ runs, seconds, repeat, scale }: Throughput): string[] {
  const find = (like: ThroughputRun, change: Partial<ThroughputRun>) => {
    const { work, commit, clients, path } = { ...like, ...change };
    return runs.find(
      (run) => run.work === work && run.commit === commit && run.clients === clients && run.path === path,
    );
  };
  const rows = runs
    .filter(({ path }) => path === "direct")
    .map((direct) => {
      const haproxy = find(direct, { path: "haproxy" });
      const pgbouncer = find(direct, { path: "pgbouncer" });
      return [
        direct.work,
        direct.commit,
        String(direct.clients),
        tps(direct),
        latency(direct),
        tps(haproxy),
        ratio(haproxy, direct),
        tps(pgbouncer),
        ratio(pgbouncer, direct),
        direct.commit === "local" ? ratio(direct, find(direct, { commit: "quorum" })) : "-",
      ];
    });
  const head = [
    "WORK",
    "COMMIT",
    "CLIENTS",
    "DIRECT",
    "LATENCY",
    "HAPROXY",
    "RATIO",
    "PGBOUNCER",
    "RATIO",
    "TO QUORUM",
  ];
  const skipped = new Map<string, number>();
  for (const { skipped: reason } of runs) if (reason) skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  const failed = runs.reduce((sum, run) => sum + run.failed, 0);
  return [
    ...table(head, rows),
    "",
    `Transactions per second, the median of up to ${repeat} runs of ${seconds} s at scale ${scale}; mean latency; ratios to DIRECT.`,
    ...(failed > 0 ? [`${failed} transactions failed.`] : []),
    ...[...skipped].map(([reason, count]) => `Not measured (${count}): ${reason}.`),
  ];
}

function tps(run: ThroughputRun | undefined): string {
  const value = median(run?.tps ?? []);
  return value === undefined ? "-" : value.toFixed(0);
}

function latency(run: ThroughputRun): string {
  const value = median(run.latency);
  return value === undefined ? "-" : `${value.toFixed(value < 1 ? 3 : 1)} ms`;
}

function ratio(run: ThroughputRun | undefined, base: ThroughputRun | undefined): string {
  const [value, of] = [median(run?.tps ?? []), median(base?.tps ?? [])];
  return value === undefined || !of ? "-" : (value / of).toFixed(2);
}
