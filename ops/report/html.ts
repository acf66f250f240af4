import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import type { Report } from "../drill/model";
import { comparison } from "./comparison";
import { drillList, readBack } from "./drill";
import { head } from "./head";
import { markup, trusted, type Markup } from "./markup";
import { overview } from "./overview";
import { summarise } from "./summary";
import { throughput } from "./throughput";

/**
 * A report as one page that needs nothing else: no request leaves it. The report itself is in it, compressed, since a run of
 * hours is tens of megabytes of JSON; the page's script draws from it, and offers it as a file.
 */
export function renderReport(report: Report): string {
  const summary = summarise(report);
  const { style, script } = assets();
  // Whatever text a run brings back, the browser runs nothing but the script below.
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${script.sha256}'`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${report.cluster}: failover drills of ${report.started.slice(0, 10)}</title>
<style>${style}</style>
</head>
<body>
<main>
${head(report, summary)}
${overview(summary.rows)}
${comparison(summary.rows)}
${throughput(report.throughput)}
${drillList(report.drills)}
${wholeRun(report)}
<footer><p><a id="download" download="pgha-${report.stack}-${report.started.slice(0, 10)}.json" hidden>The report as JSON</a></p></footer>
</main>
<script type="application/gzip" id="data">${gzipSync(JSON.stringify(report)).toString("base64")}</script>
<script>${script.text}</script>
</body>
</html>
`.html;
}

/** What was read back at the end of it all, and the cluster's changes of leader. */
function wholeRun({ verification, history }: Report): Markup | null {
  if (!verification && history.length === 0) return null;
  const wrong = verification?.faults ?? [];
  return markup`
<section aria-labelledby="whole-run">
  <h2 id="whole-run">The run as a whole</h2>
  ${wrong.length > 0 ? markup`<ul class="wrong" aria-label="What went wrong">${wrong.map((text) => markup`<li>${text}</li>`)}</ul>` : null}
  <div class="tables">${verification && readBack(verification)}${history.length > 0 ? leaders(history) : null}</div>
</section>`;
}

function leaders(history: Report["history"]): Markup {
  return markup`
<table><caption>Changes of the leader since the cluster was made</caption>
  <thead><tr><th scope="col" class="number">Timeline</th><th scope="col">Ended</th><th scope="col">Then led</th><th scope="col">Why</th></tr></thead>
  <tbody>${history.map(
    ({ timeline, at, leader, reason }) => markup`<tr><th scope="row" class="number">${timeline}</th>
    <td>${at ?? "-"}</td><td>${leader ?? "-"}</td><td class="muted">${reason}</td></tr>`,
  )}</tbody></table>`;
}

interface Assets {
  style: Markup;
  script: { text: Markup; sha256: string };
}

let made: Assets | undefined;

/** The page's style and script, each as one text, made once: a long run renders its report after every drill. */
function assets(): Assets {
  return (made ??= {
    style: trusted(
      ["style.css", "tables.css", "drills.css", "timeline.css"]
        .map((name) => readFileSync(join(__dirname, "page", name), "utf8"))
        .join(""),
    ),
    script: bundle(join(__dirname, "page", "main.mjs")),
  });
}

function bundle(file: string): Assets["script"] {
  const { outputFiles } = buildSync({ entryPoints: [file], bundle: true, minify: true, write: false, format: "iife" });
  const text = outputFiles[0]!.text.trim();
  return { text: trusted(text), sha256: createHash("sha256").update(text).digest("base64") };
}
