import { bytes, table } from "../table";
import type { Slice, Verification } from "./model";
import type { Live } from "./recorder";

const ms = (value: number | null) => (value === null ? "-" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);

/** One line about a load that runs. @param elapsed seconds since its start */
export function liveLine(elapsed: number, live: Live[]): string {
  const paths = live.map(({ path, last, gap }) => {
    const stall = gap > 250 ? `, nothing for ${(gap / 1000).toFixed(1)} s` : "";
    return `${path} ${last?.acknowledged ?? 0}/s p99 ${ms(last?.p99 ?? null)}${stall}`;
  });
  const counters = (["failed", "unknown", "refused", "waiting"] as const)
    .map((key) => ({ key, count: live.reduce((total, path) => total + path[key], 0) }))
    .filter(({ count }) => count > 0)
    .map(({ key, count }) => `${count} ${key}`);
  return [`${elapsed.toFixed(0).padStart(5)} s`, ...paths, counters.join(", ")].join("   ").trimEnd();
}

/** What a load did and what is left of it, for people. */
export function summary(slice: Slice, verification: Verification): string[] {
  const head = ["PATH", "DUE", "ACKNOWLEDGED", "FAILED", "UNKNOWN", "P50", "P95", "P99", "MAX", "LONGEST GAP"];
  const rows = slice.paths.map(({ path, due, acknowledged, failed, unknown, latency, longestGap }) => [
    path,
    ...[due, acknowledged, failed, unknown].map(String),
    ...[latency.p50, latency.p95, latency.p99, latency.max].map(ms),
    `${ms(longestGap.ms)} at ${(longestGap.at / 1000).toFixed(1)} s`,
  ]);
  const errors = slice.paths.flatMap(({ path, errors }) =>
    errors.map(({ class: name, count, example }) => [path, String(count), name, example.split("\n")[0]!.slice(0, 100)]),
  );
  return [
    ...table(head, rows),
    `Over ${slice.seconds.toFixed(1)} s. This program itself was late by ${slice.eventLoopDelay} ms at most.`,
    ...(errors.length > 0 ? ["", ...table(["PATH", "COUNT", "ERROR", "EXAMPLE"], errors)] : []),
    "",
    ...verdict(verification),
  ];
}

/** What the comparison with the database says. */
export function verdict({ acknowledged, lost, unknown, nodes, readRegression, faults }: Verification): string[] {
  const { committed, absent } = unknown;
  const fates = committed + absent > 0 ? `; of unknown fate: ${committed} committed, ${absent} not` : "";
  return [
    `Acknowledged writes: ${acknowledged}, lost: ${lost}${fates}.`,
    `Nodes with the same rows: ${nodes.filter(({ same }) => same).length} of ${nodes.length}. ` +
      `Reads went back by ${bytes(readRegression.bytes)} at most (allowed: ${bytes(readRegression.limit)}).`,
    ...faults.map((fault) => `FAULT: ${fault}`),
  ];
}
