import type { DrillResult } from "../drill/model";
import type { PathResult, Verification } from "../load/model";
import { bytes } from "../table";
import { count, duration, moment } from "./figures";
import { markup, type Markup } from "./markup";
import { phases } from "./phases";

/** Up to this many drills are shown open when the page is; with more, only the failed ones are, and of those no more than this. */
const mostOpen = 4;

/** All drills, in the order they were run. The page's script draws the timeline of one when it is opened. */
export function drillList(drills: DrillResult[]): Markup | null {
  if (drills.length === 0) return null;
  const wanted = drills.length <= mostOpen ? drills : drills.filter(({ ok }) => !ok).slice(0, mostOpen);
  return markup`
<section aria-labelledby="drills">
  <h2 id="drills">Every drill</h2>
  <noscript><p class="lead">The timelines are drawn by the page's script.</p></noscript>
  ${drills.map((drill, index) => one(drill, index, wanted.includes(drill)))}
</section>`;
}

function one(drill: DrillResult, index: number, open: boolean): Markup {
  const { title, clock, startedAt, skipped, ok, outage, verification } = drill;
  const [state, sign] = skipped ? ["skipped", "–"] : ok ? ["passed", "✓"] : ["failed", "✗"];
  const time = markup`<time class="muted" datetime="${startedAt}">${moment(startedAt).slice(11, 19)}</time>`;
  const figures = skipped
    ? markup`<span class="muted outage">${skipped}</span>`
    : markup`<span class="outage"><b>${duration(outage.measured)}</b> <span class="muted">without a write${
        outage.bound === null ? "" : `, ${duration(outage.bound)} allowed`
      }</span></span>${verification.lost > 0 ? markup` <strong class="bad">${count(verification.lost)} lost</strong>` : null}`;
  return markup`
<details class="drill ${state}" id="drill-${index + 1}"${open && !skipped ? markup` open` : ""}>
  <summary><span class="muted number">${index + 1}</span> <span class="badge ${state}">${sign} ${state}</span> <span class="title">${title}</span>
    <span class="chip">${clock}</span> ${figures} ${time}</summary>
  ${skipped ? markup`<div class="body"><p>${drill.expects}</p></div>` : body(drill, index)}
</details>`;
}

function body(drill: DrillResult, index: number): Markup {
  const { expects, targets, leader, timeline, whole, complaints, eventLoopDelay, faults, paths, verification } = drill;
  const wrong = [...new Set([...faults, ...complaints])];
  const change = (from: string | number | null, to: string | number | null) =>
    from === to ? `${from ?? "none"}, as before` : `${from ?? "none"} → ${to ?? "none"}`;
  const facts: [string, string][] = [
    ["Done to", targets.join(", ") || "-"],
    ["Leader", change(leader.before, leader.after)],
    ["Timeline", change(timeline.before, timeline.after)],
    ["Whole again", whole === null ? "not in time" : `${duration(whole * 1000)} after the heal`],
    ["Own delay of this program", `${duration(eventLoopDelay)} at most`],
  ];
  return markup`
<div class="body">
  <p>${expects}</p>
  ${wrong.length > 0 ? markup`<ul class="wrong" aria-label="What went wrong">${wrong.map((text) => markup`<li>${text}</li>`)}</ul>` : null}
  <dl class="facts">${facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  <figure class="timeline" data-drill="${index}"></figure>
  <div class="tables">${failover(drill)}${readBack(verification)}${clients(paths)}${errors(paths)}</div>
  <details class="events"><summary>What each layer saw, as a table</summary><div data-drill="${index}"></div></details>
</div>`;
}

function failover({ events, injectedAt }: DrillResult): Markup | null {
  const found = phases(events, injectedAt);
  if (found.length === 0) return null;
  const total = Math.max(1, found.at(-1)!.to - injectedAt);
  const percent = (ms: number) => ((100 * ms) / total).toFixed(2);
  return markup`
<table class="bars phases"><caption>Where the time went</caption>
  <thead><tr><th scope="col">Phase</th><th scope="col"><span class="hidden">Bar</span></th><th scope="col" class="number">Time</th><th scope="col">Ended by</th></tr></thead>
  <tbody>${found.map(
    ({ name, from, to, until }) => markup`<tr><th scope="row">${name}</th>
    <td class="bar"><div><i class="fill" style="left:${percent(from - injectedAt)}%;width:${percent(to - from)}%"></i></div></td>
    <td class="number">${duration(to - from)}</td><td class="muted">${until}</td></tr>`,
  )}</tbody>
  <tfoot><tr><th scope="row">in all</th><td></td><td class="number">${duration(total)}</td><td></td></tr></tfoot></table>`;
}

function clients(paths: PathResult[]): Markup {
  const success = ({ acknowledged, due }: PathResult) =>
    due > 0 ? `${((100 * acknowledged) / due).toFixed(2)} %` : "-";
  return markup`
<table><caption>What clients got</caption>
  <thead><tr><th scope="col">Path</th>${[
    "Due",
    "Answered",
    "",
    "Failed",
    "Unknown",
    "Longest gap",
    "p50",
    "p95",
    "p99",
    "max",
  ].map((name) => markup`<th scope="col" class="number">${name}</th>`)}</tr></thead>
  <tbody>${paths.map((path) => {
    const { due, acknowledged, failed, unknown, longestGap, latency } = path;
    const cells = [
      ...[due, acknowledged].map(count),
      success(path),
      ...[failed, unknown].map(count),
      ...[longestGap.ms, latency.p50, latency.p95, latency.p99, latency.max].map(duration),
    ];
    return markup`<tr><th scope="row">${path.path}</th>${cells.map((cell) => markup`<td class="number">${cell}</td>`)}</tr>`;
  })}</tbody></table>`;
}

function errors(paths: PathResult[]): Markup | null {
  const all = paths.flatMap(({ path, errors: found }) => found.map((error) => ({ path, ...error })));
  if (all.length === 0) return null;
  return markup`
<table><caption>Errors that clients saw</caption>
  <thead><tr><th scope="col">Path</th><th scope="col" class="number">Count</th><th scope="col">Error</th><th scope="col">For example</th></tr></thead>
  <tbody>${all.map(
    ({ path, count: number, class: name, example }) => markup`<tr><th scope="row">${path}</th>
    <td class="number">${count(number)}</td><td>${name}</td><td class="muted">${example}</td></tr>`,
  )}</tbody></table>`;
}

/** What is in the database, against what clients were told. Also of the whole run. */
export function readBack({
  acknowledged,
  lost,
  lostIds,
  unknown,
  failedButCommitted,
  duplicates,
  nodes,
  readRegression,
}: Verification): Markup {
  const bad = (value: number) => (value > 0 ? markup`<strong class="bad">${count(value)}</strong>` : "0");
  const first = lostIds.length > 0 ? ` (${lostIds.slice(0, 8).join(", ")}${lost > 8 ? ", ..." : ""})` : "";
  const lines: [string, string | Markup][] = [
    ["Acknowledged", count(acknowledged)],
    ["Lost", markup`${bad(lost)}${first}`],
    ["Duplicates", bad(duplicates)],
    ["Failed, yet there", bad(failedButCommitted)],
    ["Unknown: there, not there", `${count(unknown.committed)}, ${count(unknown.absent)}`],
    ["Reads went back by", `${bytes(readRegression.bytes)} of WAL, ${bytes(readRegression.limit)} allowed`],
    ...nodes.map(({ node, rows, checksum, same }): [string, Markup] => [
      `Rows on ${node}`,
      markup`${count(rows)}, checksum <code>${checksum}</code> ${same ? "✓ the same" : markup`<strong class="bad">✗ not the same</strong>`}`,
    ]),
  ];
  return markup`
<table><caption>What is in the database</caption>
  <tbody>${lines.map(([name, value]) => markup`<tr><th scope="row">${name}</th><td>${value}</td></tr>`)}</tbody></table>`;
}
