/** The summary of a preview, as Markdown for a comment on GitHub. */
import type { Preview, EngineStep } from "./events";
import { changedPaths, givenOf } from "./files";
import { fenced, fit, tableCell, type Section } from "./fit";
import { lineDiff } from "./lines";
import { nodeOf, nodeSummaries, type Fate, type NodeSummary } from "./nodes";
import { redacted } from "./secrets";
import { changesText, shortType } from "./values";
import { warnings } from "./warnings";

const done = { create: "created", update: "changed", replace: "**replaced**", delete: "**destroyed**" };

/** How many rows a table has at most; the rest is counted. */
const mostRows = 60;

/**
 * @param stack its name
 * @param preview what the engine said
 * @param printed what `pulumi preview --diff` printed
 */
export function summaryMarkdown(stack: string, preview: Preview, printed: string): string {
  const nodes = nodeSummaries(preview.steps);
  const others = preview.steps.filter(({ name }) => !nodeOf(name));
  const head = [
    `### ${stack}: ${headline(preview, nodes, others)}`,
    ...warnings(preview, stack).map((warning) => `> [!CAUTION]\n> ${warning.replaceAll("\n", "\n> ")}`),
    ...problems(preview),
    nodeTable(nodes),
    otherTable(others),
  ].filter(Boolean);
  const sections: Section[] = [
    { title: "Configuration files, line by line", lines: fileDiffs(preview.steps) },
    { title: "As <code>pulumi preview --diff</code> prints it", lines: printedLines(printed) },
  ];
  return fit(`${head.join("\n\n")}\n`, sections);
}

function headline({ ok, steps, unchanged }: Preview, nodes: NodeSummary[], others: EngineStep[]): string {
  if (!ok) return "the preview FAILED";
  if (steps.length === 0) return `no changes (${unchanged} resources stay as they are)`;
  const fates: Fate[] = ["destroyed", "replaced", "created", "restarted", "reloaded", "changed"];
  const parts = fates.flatMap((fate) => {
    const count = nodes.filter((node) => node.fate === fate).length;
    return count > 0 ? [`${count} ${count === 1 ? "node" : "nodes"} ${fate}`] : [];
  });
  if (others.length > 0) parts.push(`${others.length} other ${others.length === 1 ? "resource" : "resources"}`);
  return parts.join(", ");
}

function problems({ problems: all }: Preview): string[] {
  return (["error", "warning"] as const).flatMap((severity) => {
    const texts = all.filter((problem) => problem.severity === severity).map(({ text }) => text);
    const title = severity === "error" ? "**Errors**" : "Warnings";
    return texts.length > 0 ? [`${title}\n\n${fenced(texts.join("\n").slice(0, 8000))}`] : [];
  });
}

function nodeTable(nodes: NodeSummary[]): string {
  const rows = nodes.map(({ name, fate, files, effects }) => [
    name,
    fate === "changed" || fate === "reloaded" ? fate : `**${fate}**`,
    list(files.map((path) => `\`${path}\``)),
    list(effects),
  ]);
  return table(["node", "", "files that differ", "what happens"], rows);
}

function otherTable(others: EngineStep[]): string {
  const rows = others.map((step) => [
    `${shortType(step.type)} \`${step.name}\``,
    done[step.operation],
    changesText(step),
  ]);
  return table(["resource of no node", "", "what differs"], rows);
}

/** Entries of a table's cell, a line each. */
const list = (entries: string[]) =>
  [...entries.slice(0, 8), ...(entries.length > 8 ? [`and ${entries.length - 8} more`] : [])].join("<br>");

function table(head: string[], rows: string[][]): string {
  if (rows.length === 0) return "";
  const line = (cells: string[]) => `| ${cells.map(tableCell).join(" | ")} |`;
  const more = rows.length > mostRows ? [`\nand ${rows.length - mostRows} more`] : [];
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.slice(0, mostRows).map(line), ...more].join("\n");
}

/** Differences of the nodes' files. Nodes with the same difference share it, whatever is around it. */
function fileDiffs(steps: EngineStep[]): string[] {
  const found = new Map<string, { path: string; lines: string[]; nodes: string[] }>();
  for (const { name, before, after } of steps.filter((step) => step.before && step.after)) {
    const [old, now] = [givenOf(before), givenOf(after)];
    const note = (path: string, from: string, to: string) => {
      const lines = lineDiff(from, to);
      const key = [path, ...lines.filter((line) => /^[+-]/.test(line))].join("\n");
      const same = found.get(key) ?? { path, lines, nodes: [] };
      found.set(key, { ...same, nodes: [...same.nodes, nodeOf(name)?.name ?? name] });
    };
    for (const path of changedPaths(old, now)) note(path, old.files.get(path) ?? "", now.files.get(path) ?? "");
    if (old.script && old.script !== now.script) note("converge script", old.script, now.script);
  }
  return [...found.values()].flatMap(({ path, lines, nodes }) => [`@@ ${path} (${nodes.sort().join(", ")})`, ...lines]);
}

/** Pulumi's own diff, with the signs where GitHub colours them: at the beginning of the line. */
const printedLines = (printed: string) =>
  redacted(printed)
    .trimEnd()
    .split("\n")
    .filter((line, _, all) => all.length > 1 || line !== "")
    .map((line) => line.replace(/^(\s+)([+-])(?= )/, "$2$1"));
