import type { ClockName } from "../../settings/clocks";
import { ratio, seconds } from "./figures";
import { markup, type Markup } from "./markup";
import { grouped, type Row } from "./summary";

/** The clock that the project's settings give a cluster unless told otherwise: what the others are measured against. */
const ours: ClockName = "fast";

/** One clock's median outage of a fault on the pooled path, ms, and how many times the baseline's it is. */
export interface Compared {
  clock: string;
  median: number;
  max: number;
  ratio: number | null;
}

export interface Comparison {
  baseline: string;
  faults: { fault: string; title: string; clocks: Compared[] }[];
  /** Geometric mean of the ratios over all faults that a clock shares with the baseline; null: they share none. */
  overall: { clock: string; ratio: number | null; faults: number }[];
}

/** Sets the clocks of a run side by side; null when there was one only. */
export function compare(rows: Row[]): Comparison | null {
  const measured = rows.filter(({ pooled }) => pooled !== null);
  const names = [...new Set(measured.map(({ clock }) => clock))];
  if (names.length < 2) return null;
  const baseline = names.includes(ours) ? ours : names[0]!;
  const faults = grouped(measured, ({ fault }) => fault)
    .filter((same) => same.length > 1)
    .map((same) => {
      const base = same.find(({ clock }) => clock === baseline)?.pooled?.p50;
      return {
        fault: same[0]!.fault,
        title: same[0]!.title,
        clocks: same.map(({ clock, pooled }) => ({
          clock,
          median: pooled!.p50,
          max: pooled!.max,
          ratio: base ? pooled!.p50 / base : null,
        })),
      };
    });
  const overall = names.map((clock) => {
    const ratios = faults.flatMap(({ clocks }) => clocks.find((one) => one.clock === clock)?.ratio ?? []);
    const logs = ratios.filter((value) => value > 0).map(Math.log);
    const mean = logs.length > 0 ? Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length) : null;
    return { clock, ratio: mean, faults: logs.length };
  });
  return { baseline, faults, overall };
}

/** The clocks side by side, by fault. */
export function comparison(rows: Row[]): Markup | null {
  const compared = compare(rows);
  if (!compared || compared.faults.length === 0) return null;
  const { baseline, faults, overall } = compared;
  const sentences = overall
    .filter(({ clock, ratio: mean }) => clock !== baseline && mean !== null)
    .map(
      ({ clock, ratio: mean, faults: number }) =>
        markup`<li><strong>${clock}</strong> <b>${ratio(mean)}</b> <span class="muted">over ${number} ${number === 1 ? "fault" : "faults"}</span></li>`,
    );
  return markup`
<section aria-labelledby="comparison">
  <h2 id="comparison">Clocks side by side</h2>
  <p class="lead">Median of the longest gap on the pooled path; the thin line reaches to the longest. Ratios are against
    <strong>${baseline}</strong>, on the same machines under the same load. Each fault has a scale of its own.</p>
  ${sentences.length > 0 ? markup`<ul class="overall" aria-label="Geometric mean of the ratios">${sentences}</ul>` : null}
  <div class="cards">${faults.map((fault) => card(fault, baseline))}</div>
</section>`;
}

function card({ title, clocks }: Comparison["faults"][number], baseline: string): Markup {
  const longest = Math.max(1, ...clocks.map(({ max }) => max));
  const percent = (ms: number) => ((100 * ms) / longest).toFixed(2);
  return markup`
<table class="card bars"><caption>${title}</caption>
  <thead class="hidden"><tr><th scope="col">Clock</th><th scope="col">Bar</th><th scope="col">Median, s</th><th scope="col">Ratio</th></tr></thead>
  <tbody>${clocks.map(
    ({ clock, median, max, ratio: times }) => markup`<tr${clock === baseline ? markup` class="ours"` : ""}>
    <th scope="row">${clock}</th>
    <td class="bar"><div><i class="reach" style="width:${percent(max)}%"></i><i class="fill" style="width:${percent(median)}%"></i></div></td>
    <td class="number">${seconds(median)} s</td><td class="number muted">${ratio(times)}</td></tr>`,
  )}</tbody></table>`;
}
