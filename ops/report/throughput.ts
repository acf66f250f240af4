import type { Throughput, ThroughputRun } from "../drill/model";
import { count, ratio, spread } from "./figures";
import { markup, type Markup } from "./markup";
import { grouped } from "./summary";

const works: Record<ThroughputRun["work"], string> = {
  simple: "Writes, simple protocol",
  prepared: "Writes, prepared statements",
  "read-only": "Reads, prepared statements",
};
const paths: Record<ThroughputRun["path"], string> = {
  direct: "direct",
  haproxy: "HAProxy",
  pgbouncer: "PgBouncer",
};

/** pgbench through every path, as bars and ratios. */
export function throughput(bench: Throughput | undefined): Markup | null {
  if (!bench || bench.runs.length === 0) return null;
  return markup`
<section aria-labelledby="throughput">
  <h2 id="throughput">Throughput</h2>
  <p class="lead">pgbench, transactions per second: median of ${bench.repeat} ${bench.repeat === 1 ? "run" : "runs"} of
    ${bench.seconds} s each, interleaved, at scale ${bench.scale}. <em>Against direct</em> compares with a connection straight
    to PostgreSQL with as many clients and the same commit. Commits wait for a standby (quorum); the paler bar is of sessions whose commits do
    not (local).</p>
  <div class="cards wide">${grouped(bench.runs, ({ work }) => work).map(card)}</div>
</section>`;
}

const median = ({ tps }: ThroughputRun) => spread(tps)?.p50 ?? null;

function card(runs: ThroughputRun[]): Markup {
  const most = Math.max(1, ...runs.map((run) => median(run) ?? 0));
  const both = runs.some(({ commit }) => commit === "local");
  const heads = ["tps", "Against direct", ...(both ? ["tps, local", "Against quorum"] : []), "Latency"];
  return markup`
<div class="card"><div class="scroll" role="region" aria-label="${works[runs[0]!.work]}" tabindex="0">
<table class="bars"><caption>${works[runs[0]!.work]}</caption>
  <thead><tr><th scope="col" class="number">Clients</th><th scope="col">Path</th><th scope="col"><span class="hidden">Bar</span></th>
    ${heads.map((name) => markup`<th scope="col" class="number">${name}</th>`)}</tr></thead>
  ${grouped(runs, ({ clients }) => String(clients)).map((same) => markup`<tbody>${rows(same, most, both)}</tbody>`)}
</table></div></div>`;
}

/** One line for every path, at one number of clients. */
function rows(runs: ThroughputRun[], most: number, both: boolean): Markup[] {
  const find = (path: string, commit: string) => runs.find((run) => run.path === path && run.commit === commit);
  const against = (value: number | null, other: ThroughputRun | undefined) => {
    const base = other ? median(other) : null;
    return ratio(value !== null && base ? value / base : null);
  };
  return grouped(runs, ({ path }) => path).map((same, index, all) => {
    const { path, clients } = same[0]!;
    const [quorum, local] = [find(path, "quorum"), find(path, "local")];
    const [tps, localTps] = [quorum, local].map((run) => (run ? median(run) : null)) as [number | null, number | null];
    const cells = [
      tps === null ? "-" : count(tps),
      against(tps, find("direct", "quorum")),
      ...(both ? [localTps === null ? "" : count(localTps), localTps === null ? "" : against(localTps, quorum)] : []),
      latency(quorum),
    ];
    const why = same.find(({ skipped }) => skipped)?.skipped ?? "not measured";
    return markup`<tr>
    ${index === 0 ? markup`<th scope="rowgroup" rowspan="${all.length}" class="number">${clients}</th>` : null}
    <th scope="row">${paths[path]}</th>
    ${
      tps === null && localTps === null
        ? markup`<td colspan="${cells.length + 1}" class="muted">${why}</td>`
        : markup`<td class="bar"><div>${bar("quorum", tps, most)}${bar("local", localTps, most)}</div></td>
    ${cells.map((cell) => markup`<td class="number">${cell}</td>`)}`
    }</tr>`;
  });
}

const bar = (commit: ThroughputRun["commit"], tps: number | null, most: number) =>
  tps === null ? null : markup`<i class="fill ${commit}" style="width:${((100 * tps) / most).toFixed(2)}%"></i>`;

function latency(run: ThroughputRun | undefined): Markup | string {
  const middle = run && spread(run.latency);
  if (!run || !middle) return "-";
  return markup`${middle.p50.toFixed(1)} ms${run.failed > 0 ? markup` <span class="bad">${count(run.failed)} failed</span>` : null}`;
}
