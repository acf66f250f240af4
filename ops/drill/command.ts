import { randomBytes } from "node:crypto";
import { accessSync, constants, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Reached } from "../ask";
import { confirmed } from "../confirm";
import { exitCode, messageOf, OpsError } from "../errors";
import { usualClients } from "../load/command";
import type { LoadPath } from "../load/load";
import { renderReport } from "../report/html";
import { summaryLines } from "../report/terminal";
import { outageBound } from "./bounds";
import { clockName, drillClocks } from "./clocks";
import { faultNamed, faults } from "./faults";
import type { DrillResult, Report } from "./model";
import type { Timing } from "./one";
import { interleaved, randomFrom, shuffled, type DrillJob } from "./plan";
import { leaveTrail } from "../trail";
import { runDrills, type Progress } from "./run";

export interface DrillOptions {
  /** How often each fault is injected. @default 1 */
  repeat?: number;
  /** Names of clocks to compare. @default the cluster's own */
  clock?: string[];
  /** No drill begins after this many seconds. @default none; 3600 with `random` */
  seconds?: number;
  /** Writes a second; reads are a third of it. @default 100 */
  rate?: number;
  /** Of `random`. @default a new one, which is printed */
  seed?: string;
  /** Files for the report, rewritten after every drill. */
  json?: string;
  html?: string;
  yes?: boolean;
  list?: boolean;
}

/** Clients of every kind at once, as an application's processes have them. @param rate writes a second */
const usualLoad = (rate = 100): LoadPath[] => [
  { path: "pooled", rate: 0.6 * rate, clients: usualClients.pooled },
  { path: "write", rate: 0.4 * rate, clients: usualClients.write },
  { path: "read", rate: 0.3 * rate, clients: usualClients.read },
];

/** Seconds of load before a fault, and after the cluster is healthy. */
const usualTiming: Timing = { before: 3, after: 2 };

/** What `pgha drill NAME` stands for, besides a fault. */
const collections: Record<string, string> = {
  main: "the faults that every release is tested with, once each (what a drill without a name does)",
  all: "every fault",
  random: "every fault in a random order, again and again, until --seconds are over",
  original: "180 writes, one a second over 3 minutes, and a switchover after 60 s",
  "both-ways": "a controlled switchover, then the new leader's PostgreSQL killed, and the history of leaders",
};

/** `pgha drill`. */
export async function drillCommand(reached: Reached, names: string[], options: DrillOptions): Promise<number> {
  const { clock: own } = reached.cluster.facts;
  if (options.list) {
    for (const line of catalogue(clockName(own))) console.log(line);
    return exitCode.ok;
  }
  const plan = planDrills(names, options, clockName(own));
  for (const path of [options.json, options.html]) if (path) requireWritable(path);
  const question = `This breaks ${reached.cluster.facts.name} on purpose, and heals it. Continue?`;
  if (!options.yes && !(await confirmed(question, "a drill"))) return exitCode.bad;

  const nodes = reached.cluster.nodes.map(({ name }) => name);
  await leaveTrail(reached, nodes, `drills ${names.join(" ") || "main"}`);

  const stop = new AbortController();
  const interrupted = () => {
    if (stop.signal.aborted) process.exit(130); // the guard heals
    console.error("\nstopping: heals, reads back and reports first; Ctrl-C again stops at once");
    stop.abort();
  };
  process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  if (plan.seed) console.error(`seed ${plan.seed}: \`--seed ${plan.seed}\` repeats this sequence`);
  try {
    const report = await runDrills(reached, {
      ...plan,
      signal: stop.signal,
      save: (soFar) => save(soFar, options),
      progress,
    });
    for (const line of summaryLines(report)) console.log(line);
    return passed(report) ? exitCode.ok : exitCode.bad;
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}

interface Planned {
  steps: Iterable<DrillJob>;
  deadline?: number;
  seed?: string;
  load: LoadPath[];
  timing: Timing;
}

/**
 * What the command line asks for.
 * @throws OpsError naming every unknown fault and clock
 */
export function planDrills(names: string[], options: DrillOptions, ownClock: string): Planned {
  const { repeat = 1, clock = [ownClock], seconds } = options;
  const unknownClocks = clock.filter((name) => name !== ownClock && !drillClocks[name]);
  if (unknownClocks.length > 0) {
    throw new OpsError(`no such clock: ${unknownClocks.join(", ")}; there are ${Object.keys(drillClocks).join(", ")}`);
  }
  const known = new Set([...Object.keys(collections), ...faults.map(({ name }) => name)]);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) throw new OpsError(`no such fault: ${unknown.join(", ")}; \`pgha drill --list\` shows them`);
  const lonely = names.find((name) => name === "random" || name === "original");
  if (lonely && names.length > 1) throw new OpsError(`'${lonely}' is a drill of its own; give it alone`);

  const after = (least?: number) => {
    const limit = seconds ?? least;
    return limit === undefined ? undefined : Date.now() + limit * 1000;
  };
  if (lonely === "random") {
    if (clock.length > 1) throw new OpsError("'random' runs on one clock; give --clock one name");
    const seed = options.seed ?? randomBytes(4).toString("hex");
    const sequence = shuffled(
      faults.map(({ name }) => name),
      randomFrom(seed),
    );
    const steps = (function* () {
      for (const fault of sequence) yield { fault, clock: clock[0]! };
    })();
    return { steps, seed, deadline: after(3600), load: usualLoad(options.rate), timing: usualTiming };
  }
  if (lonely === "original") {
    const steps = interleaved(["switchover"], clock, repeat);
    const load: LoadPath[] = [{ path: "pooled", rate: 1, clients: 1 }];
    return { steps, deadline: after(), load, timing: { before: 60, after: 0, total: 180 } };
  }
  const wanted = names.length > 0 ? names : ["main"];
  const steps = interleaved(wanted.flatMap(expand), clock, repeat);
  return { steps, deadline: after(), load: usualLoad(options.rate), timing: usualTiming };
}

function expand(name: string): string[] {
  if (name === "all") return faults.map((fault) => fault.name);
  if (name === "main") return faults.filter(({ main }) => main).map((fault) => fault.name);
  if (name === "both-ways") return ["switchover", "kill-postmaster"];
  return [name];
}

/** Whether nothing was lost and every drill went as it should. A report without a drill that ran shows nothing. */
export const passed = ({ drills, verification }: Report) =>
  drills.some(({ skipped }) => !skipped) && drills.every(({ ok }) => ok) && verification?.ok === true;

/** @throws OpsError when a report could not be written there: better now than after the first drill */
function requireWritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw new OpsError(`no report can be written to ${path}: ${messageOf(error)}`);
  }
}

function save(report: Report, { json, html }: DrillOptions): void {
  const files = [
    { path: json, content: () => `${JSON.stringify(report)}\n` },
    { path: html, content: () => renderReport(report) },
  ];
  for (const { path, content } of files) {
    if (!path) continue;
    // Whoever reads it meanwhile finds a whole one.
    writeFileSync(`${path}.new`, content());
    renameSync(`${path}.new`, path);
  }
}

function catalogue(clock: string): string[] {
  const settings = drillClocks[clock];
  const bound = (name: string) => {
    const ms = settings && outageBound(name, settings);
    return typeof ms === "number" ? `at most ${(ms / 1000).toFixed(1)} s without a write (clock ${clock}). ` : "";
  };
  return [
    ...Object.entries(collections).map(([name, what]) => `${name.padEnd(34)} ${what}`),
    "",
    ...faults.flatMap((fault) => [
      `${fault.name.padEnd(34)} ${fault.title}`,
      ...(settings ? [`${" ".repeat(35)}${bound(fault.name)}${fault.expects(settings, "quorum")}`] : []),
    ]),
  ];
}

const progress: Progress = {
  drill: (number, { fault, clock }) =>
    console.error(`\n${new Date().toTimeString().slice(0, 8)}  drill ${number}: ${faultNamed(fault).title} (${clock})`),
  detail: (text) => console.error(`          ${text}`),
  done: (result) => {
    for (const line of outcome(result)) console.error(`          ${line}`);
  },
};

function outcome({ skipped, outage, paths, verification, faults: wrong, ok }: DrillResult): string[] {
  if (skipped) return [`skipped: ${skipped}`];
  const sum = (key: "due" | "acknowledged" | "failed" | "unknown") =>
    paths.filter(({ path }) => path !== "read").reduce((total, path) => total + path[key], 0);
  return [
    `longest gap ${(outage.measured / 1000).toFixed(2)} s; of ${sum("due")} writes ${sum("acknowledged")} acknowledged, ` +
      `${sum("failed")} failed, ${sum("unknown")} unknown; ${verification.lost} lost`,
    ...(ok ? ["ok"] : wrong.map((text) => `FAILED: ${text}`)),
  ];
}
