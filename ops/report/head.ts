import { timings, type Clock, type Timing } from "../../settings/clocks";
import type { Report } from "../drill/model";
import { count, duration, moment } from "./figures";
import { markup, type Markup } from "./markup";
import type { Summary, Verdict } from "./summary";

/** What the run as a whole says, in words. */
export function verdictText({ verdict, passed, failed, skipped, lost }: Summary): string {
  const drills = (number: number) => `${number} ${number === 1 ? "drill" : "drills"}`;
  const texts: Record<Verdict, string> = {
    passed: `All ${drills(passed)} passed, and no acknowledged write was lost.`,
    failed:
      lost > 0
        ? `${count(lost)} acknowledged ${lost === 1 ? "write was" : "writes were"} lost; ${failed} of ${drills(passed + failed)} failed.`
        : failed > 0
          ? `${failed} of ${drills(passed + failed)} failed; no acknowledged write was lost.`
          : "The drills passed, but the database does not hold what was written.",
    running: `The run still goes on: ${drills(passed)} passed so far, none failed.`,
    unverified: `The run was interrupted: ${drills(passed)} passed, but its writes were not read back as a whole.`,
    empty: skipped > 0 ? `No drill ran: ${drills(skipped)} skipped.` : "No drill ran.",
  };
  return texts[verdict];
}

const signs: Record<Verdict, string> = { passed: "✓", failed: "✗", running: "…", unverified: "!", empty: "–" };

/** The top of the page: what was run, on what, and what came of it. */
export function head(report: Report, summary: Summary): Markup {
  const { cluster, stack, started, ended, seed } = report;
  const until = ended === null ? "not ended yet" : `took ${duration(Date.parse(ended) - Date.parse(started))}`;
  return markup`
<header>
  <p class="kicker">Failover drills of a PostgreSQL cluster</p>
  <h1>${cluster}</h1>
  <p class="muted">Stack ${stack} · began <time datetime="${started}">${moment(started)}</time> · ${until}${
    seed === null ? "" : markup` · seed <code>${seed}</code>`
  }</p>
</header>
${report.drills.length === 0 && report.throughput ? null : band(summary, ended === null)}
${facts(report)}`;
}

function band(summary: Summary, goesOn: boolean): Markup {
  const { verdict, acknowledged, lost, duplicates, unknown, failedButCommitted } = summary;
  const figure = (name: string, value: number, note: string, bad = false) => markup`
    <div${bad && value > 0 ? markup` class="bad"` : ""}><dt>${name}</dt><dd>${count(value)}</dd><dd class="note">${note}</dd></div>`;
  return markup`
<section class="verdict ${verdict}" aria-label="Verdict">
  <p class="statement"><span class="sign" aria-hidden="true">${signs[verdict]}</span> ${verdictText(summary)}</p>
  ${goesOn && verdict === "failed" ? markup`<p class="muted">The run still goes on.</p>` : null}
  <dl class="figures">
    ${figure("Drills passed", summary.passed, `${summary.skipped} skipped`)}
    ${figure("Drills failed", summary.failed, `of ${summary.passed + summary.failed} that ran`, true)}
    ${figure("Acknowledged writes", acknowledged, "commits that clients were told of")}
    ${figure("Lost", lost, "acknowledged, but not there", true)}
    ${figure("Duplicates", duplicates, "there more than once", true)}
    ${figure("Failed, yet there", failedButCommitted, "the error said: not committed", true)}
    ${figure(
      "Of unknown fate",
      unknown.committed + unknown.absent,
      `${count(unknown.committed)} committed, ${count(unknown.absent)} not`,
    )}
  </dl>
</section>`;
}

function facts({ machine, versions, load, clocks }: Report): Markup {
  const perSecond = load.map(({ path, rate, clients }) => `${path} ${rate}/s by ${clients} clients`).join(" · ");
  const entries: [string, string | Markup][] = [
    ["Machine", `${machine.cpus} × ${machine.model}, ${machine.memoryGiB} GiB`],
    [
      "Versions",
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(" · "),
    ],
    ["Load", perSecond],
  ];
  return markup`
<dl class="facts">${entries
    .filter(([, value]) => value !== "")
    .map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${Object.keys(clocks).length > 0 ? clockTable(clocks) : null}`;
}

function clockTable(clocks: Record<string, Clock>): Markup {
  const names = Object.keys(clocks);
  return markup`
<details class="clocks"><summary>Timings of ${names.length === 1 ? "the clock" : "the clocks"} ${names.join(", ")}</summary>
  <div class="scroll" role="region" aria-label="Timings of the clocks" tabindex="0"><table>
    <thead><tr><th scope="col">Timing</th>${names.map((name) => markup`<th scope="col" class="number">${name}</th>`)}</tr></thead>
    <tbody>${Object.entries<Timing>(timings).map(
      ([field, { layer, means, unit }]) =>
        markup`<tr><th scope="row">${`${layer}: ${means}`.replaceAll("`", "")} <code>${field}</code></th>${names.map(
          (name) => markup`<td class="number">${clocks[name]![field as keyof Clock]} ${unit}</td>`,
        )}</tr>`,
    )}</tbody>
  </table></div>
</details>`;
}
