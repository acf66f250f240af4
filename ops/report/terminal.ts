import type { Report } from "../drill/model";
import { table } from "../table";
import { ratio, seconds } from "./figures";
import { compare } from "./comparison";
import { verdictText } from "./head";
import { summarise, type Row } from "./summary";

/** The report's summary for a terminal, one line each. */
export function summaryLines(report: Report): string[] {
  const summary = summarise(report);
  const { rows, acknowledged, lost, duplicates, unknown, passed, failed, skipped } = summary;
  const compared = compare(rows);
  return [
    ...(rows.length > 0
      ? [...table(columns, rows.map(cells)), "", "Longest gap on the pooled path, in seconds.", ""]
      : []),
    ...(compared
      ? [
          ...compared.overall
            .filter(({ clock }) => clock !== compared.baseline)
            .map(
              ({ clock, ratio: mean, faults }) =>
                `${clock}: ${ratio(mean)} the median outage of ${compared.baseline}, geometric mean over ${faults} faults`,
            ),
          "",
        ]
      : []),
    ...successions(report),
    `${passed} passed, ${failed} failed, ${skipped} skipped.`,
    `Acknowledged writes: ${acknowledged}, lost: ${lost}, duplicates: ${duplicates}; ` +
      `of unknown fate: ${unknown.committed} committed, ${unknown.absent} not.`,
    verdictText(summary),
  ];
}

/** Every change of the leader in the run. */
function successions({ drills }: Report): string[] {
  const changes = drills.filter(({ timeline }) => timeline.before !== timeline.after);
  if (changes.length === 0) return [];
  const lines = changes.map(
    ({ fault, leader, timeline }) =>
      `timeline ${timeline.before} -> ${timeline.after}: ${leader.before} -> ${leader.after}, ${fault}`,
  );
  return [...lines, ""];
}

const columns = ["FAULT", "CLOCK", "RUNS", "MIN", "P50", "P95", "MAX", "BOUND", "ERRORS", "LOST", "WHOLE", "VERDICT"];

function cells({ fault, clock, passed, failed, skipped, pooled, bound, errors, lost, whole }: Row): string[] {
  const verdict = failed > 0 ? `${failed} FAILED` : passed > 0 ? "ok" : `${skipped} skipped`;
  return [
    fault,
    clock,
    String(passed + failed),
    ...[pooled?.min, pooled?.p50, pooled?.p95, pooled?.max, bound].map(seconds),
    String(errors.failed + errors.unknown + errors.refused),
    String(lost),
    seconds(whole?.p50),
    verdict,
  ];
}
