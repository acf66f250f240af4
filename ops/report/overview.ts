import { count, seconds, type Spread } from "./figures";
import { markup, type Markup, type Piece } from "./markup";
import type { Row } from "./summary";

interface Column {
  name: string;
  /** What a row shows, by lines: PgBouncer's path, then HAProxy's. */
  cell(row: Row): Piece;
  /** What rows are sorted by; a column without it can't be sorted by. */
  by?(row: Row): string | number | null;
  number?: boolean;
}

/** The table of all faults and clocks: how long clients waited, against the bound, and what went wrong. */
export function overview(rows: Row[]): Markup | null {
  if (rows.length === 0) return null;
  const longest = Math.max(
    1,
    ...rows.flatMap(({ pooled, write, bound }) => [pooled?.max ?? 0, write?.max ?? 0, bound ?? 0]),
  );
  const columns = columnsOf(longest);
  return markup`
<section aria-labelledby="overview">
  <h2 id="overview">Every fault</h2>
  <p class="lead">The longest time a client had to wait for a write, in seconds: upper line through PgBouncer
    (<em>pooled</em>), lower line on HAProxy's write port. The bar spans the shortest to the longest of all runs, its dark mark is
    the median; the upright line is the bound that the clock's formula allows the pooled path.</p>
  <div class="scroll" role="region" aria-label="Every fault" tabindex="0"><table class="sortable">
    <thead><tr>${columns.map(({ name, by, number }) =>
      by
        ? markup`<th scope="col" aria-sort="none"${number ? markup` class="number"` : ""}><button type="button">${name}</button></th>`
        : markup`<th scope="col">${name}</th>`,
    )}</tr></thead>
    <tbody>${rows.map(
      (row) =>
        markup`<tr>${columns.map(({ cell, by, number }, index) => {
          const value = by?.(row);
          const attributes = markup`${number ? markup` class="number"` : ""}${
            value === undefined || value === null ? "" : markup` data-value="${value}"`
          }`;
          return index === 0
            ? markup`<th scope="row"${attributes}>${cell(row)}</th>`
            : markup`<td${attributes}>${cell(row)}</td>`;
        })}</tr>`,
    )}</tbody>
  </table></div>
</section>`;
}

function columnsOf(longest: number): Column[] {
  const gap = (name: string, pick: (spread: Spread) => number): Column => ({
    name,
    number: true,
    by: ({ pooled }) => pooled && pick(pooled),
    cell: ({ pooled, write }) => lines(seconds(pooled && pick(pooled)), write ? seconds(pick(write)) : null),
  });
  return [
    {
      name: "Fault",
      by: ({ title }) => title,
      cell: ({ title, fault }) => lines(title, markup`<code>${fault}</code>`),
    },
    { name: "Clock", by: ({ clock }) => clock, cell: ({ clock }) => clock },
    { name: "Runs", number: true, by: (row) => row.passed + row.failed, cell: (row) => row.passed + row.failed },
    { name: "Path", cell: ({ pooled, write }) => lines(pooled ? "pooled" : "", write ? "write" : null) },
    { name: "Longest gap", cell: (row) => (row.pooled || row.write ? bars(row, longest) : "") },
    gap("min", ({ min }) => min),
    gap("p50", ({ p50 }) => p50),
    gap("p95", ({ p95 }) => p95),
    gap("max", ({ max }) => max),
    {
      name: "bound",
      number: true,
      by: ({ bound }) => bound,
      cell: ({ bound, pooled }) => lines(bound !== null ? seconds(bound) : pooled ? "none" : "", ""),
    },
    {
      name: "errors",
      number: true,
      by: ({ errors }) => errors.failed + errors.unknown + errors.refused,
      cell: ({ errors }) =>
        Object.entries(errors).map(([kind, number]) =>
          number > 0 ? markup`<span class="line">${count(number)} <span class="muted">${kind}</span></span>` : null,
        ),
    },
    {
      name: "lost",
      number: true,
      by: ({ lost }) => lost,
      cell: ({ lost }) => (lost > 0 ? markup`<strong class="bad">${count(lost)}</strong>` : 0),
    },
    {
      name: "whole",
      number: true,
      by: ({ whole }) => whole && whole.p50,
      cell: ({ whole, broken }) =>
        lines(
          whole ? `${(whole.p50 / 1000).toFixed(1)}` : "-",
          broken > 0 ? markup`<span class="bad">${broken} not</span>` : null,
        ),
    },
    { name: "Verdict", by: (row) => -row.failed, cell: verdict },
  ];
}

/** A cell of two lines; null: the second is not there. */
const lines = (first: Piece, second: Piece) =>
  markup`<span class="line">${first}</span>${second === null ? null : markup`<span class="line muted">${second}</span>`}`;

function bars({ pooled, write, bound }: Row, longest: number): Markup {
  const percent = (ms: number) => ((100 * ms) / longest).toFixed(2);
  const bar = (of: Spread, name: string) => markup`
    <div class="range ${name}"><i class="span" style="left:${percent(of.min)}%;width:${percent(of.max - of.min)}%"></i><i
      class="middle" style="left:${percent(of.p50)}%"></i></div>`;
  const said = `pooled up to ${seconds(pooled?.max)} s${bound === null ? "" : ` of ${seconds(bound)} s allowed`}`;
  return markup`<div class="ranges" role="img" aria-label="${said}">${pooled && bar(pooled, "pooled")}${write && bar(write, "write")}${
    bound === null ? null : markup`<i class="bound" style="left:${percent(bound)}%"></i>`
  }</div>`;
}

function verdict({ passed, failed, skipped }: Row): Markup {
  if (failed > 0) return markup`<span class="badge failed">✗ ${failed} failed</span>`;
  if (passed > 0) return markup`<span class="badge passed">✓ passed</span>`;
  return markup`<span class="badge skipped">– ${skipped} skipped</span>`;
}
