import type { DrillResult, Report } from "../drill/model";
import type { Path, Verification } from "../load/model";
import { spread, type Spread } from "./figures";

/** All drills of one fault on one clock. Times in milliseconds; a spread is null where nothing was measured. */
export interface Row {
  fault: string;
  title: string;
  clock: string;
  passed: number;
  failed: number;
  skipped: number;
  /** Longest time without an acknowledged write, through PgBouncer and on HAProxy's write port. */
  pooled: Spread | null;
  write: Spread | null;
  /** What the pooled path's longest gap may be; null: no bound is stated. */
  bound: number | null;
  /** What clients saw go wrong, on all paths. */
  errors: { failed: number; unknown: number; refused: number };
  lost: number;
  /** From the heal until the cluster was healthy, of the drills after which it was. */
  whole: Spread | null;
  /** Drills after which the cluster was not whole in time. */
  broken: number;
}

/** `running`: nothing has failed yet. `unverified`: the run ended, but its writes were never read back as a whole. */
export type Verdict = "passed" | "failed" | "running" | "unverified" | "empty";

export interface Summary {
  verdict: Verdict;
  passed: number;
  failed: number;
  skipped: number;
  acknowledged: number;
  lost: number;
  duplicates: number;
  unknown: { committed: number; absent: number };
  failedButCommitted: number;
  /** By fault, then by clock, each in the order of the run. */
  rows: Row[];
}

export function summarise(report: Report): Summary {
  const { drills } = report;
  const ran = drills.filter(({ skipped }) => !skipped);
  const counts = {
    passed: ran.filter(({ ok }) => ok).length,
    failed: ran.filter(({ ok }) => !ok).length,
    skipped: drills.length - ran.length,
  };
  return { verdict: verdict(report, counts), ...counts, ...writes(report, ran), rows: rows(drills) };
}

function verdict({ ended, verification }: Report, counts: { passed: number; failed: number }): Verdict {
  if (counts.failed > 0 || verification?.ok === false) return "failed";
  if (ended === null) return "running";
  if (counts.passed === 0) return "empty";
  return verification ? "passed" : "unverified";
}

/** The whole run's figures where it was read back as a whole; of faults, whichever of the two found more. */
function writes({ verification }: Report, ran: DrillResult[]) {
  const total = (pick: (one: Verification) => number) => {
    const sum = ran.reduce((so, drill) => so + pick(drill.verification), 0);
    return { sum, all: verification ? pick(verification) : sum };
  };
  const most = (pick: (one: Verification) => number) => Math.max(...Object.values(total(pick)));
  return {
    acknowledged: total((one) => one.acknowledged).all,
    lost: most((one) => one.lost),
    duplicates: most((one) => one.duplicates),
    unknown: {
      committed: total((one) => one.unknown.committed).all,
      absent: total((one) => one.unknown.absent).all,
    },
    failedButCommitted: most((one) => one.failedButCommitted),
  };
}

function rows(drills: DrillResult[]): Row[] {
  return grouped(drills, ({ fault }) => fault).flatMap((same) => grouped(same, ({ clock }) => clock).map(row));
}

/** Items with the same key together, in the order in which each key first came. */
export function grouped<T>(items: T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}

function row(drills: DrillResult[]): Row {
  const { fault, title, clock } = drills[0]!;
  const ran = drills.filter(({ skipped }) => !skipped);
  const paths = ran.flatMap((drill) => drill.paths);
  const gaps = (wanted: Path) =>
    spread(paths.filter(({ path }) => path === wanted).map(({ longestGap }) => longestGap.ms));
  const bounds = ran.map(({ outage }) => outage.bound).filter((bound) => bound !== null);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    fault,
    title,
    clock,
    passed: ran.filter(({ ok }) => ok).length,
    failed: ran.filter(({ ok }) => !ok).length,
    skipped: drills.length - ran.length,
    pooled: gaps("pooled"),
    write: gaps("write"),
    bound: bounds.length > 0 ? Math.min(...bounds) : null,
    errors: {
      failed: sum(paths.map(({ failed }) => failed)),
      unknown: sum(paths.map(({ unknown }) => unknown)),
      refused: sum(paths.flatMap(({ seconds }) => seconds.map(({ refused }) => refused))),
    },
    lost: sum(ran.map(({ verification }) => verification.lost)),
    whole: spread(
      ran
        .map(({ whole }) => whole)
        .filter((whole) => whole !== null)
        .map((whole) => whole * 1000),
    ),
    broken: ran.filter(({ whole }) => whole === null).length,
  };
}
