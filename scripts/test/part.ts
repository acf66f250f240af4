/** One part of `npm test`: a command within a time budget, and what came of it. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { checkoutRoot, pulumiEnv } from "../../ops/env";

export interface Part {
  name: string;
  /** Seconds it may take before it is told to end and counts as failed. Generous: machines differ. */
  budget: number;
  command: string[];
  /** Mocha counts its own tests; any other command is one test. */
  counts: boolean;
  /** It asserts no times and shares nothing with other parts, so those of its kind run side by side. @default false */
  beside?: boolean;
  /** Only when it is asked for by its name. @default false */
  onRequest?: boolean;
}

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export interface Result extends Counts {
  name: string;
  budget: number;
  /** What it took. */
  seconds: number;
}

/** Seconds that Mocha has to end its test and to take away what tests have made (test/reporter.cjs), before it is killed. */
const grace = 300;

interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  error?: Error;
}

/**
 * Runs a part to its end, and says how it ended.
 * @param scratch a path of its own, for files
 * @param whole show what it prints when it has ended, instead of while it runs
 * @param print where that goes; replaced in tests
 */
export async function runPart(part: Part, scratch: string, whole: boolean, print = console.log): Promise<Result> {
  const { name, budget, command, counts } = part;
  const countsFile = `${scratch}.counts`;
  const printed = `${scratch}.printed`;
  writeFileSync(countsFile, "");
  const head = `\n== ${name} (at most ${budget} s)`;
  if (!whole) print(head);

  const started = Date.now();
  const output = whole ? openSync(printed, "w") : ("inherit" as const);
  const timers: NodeJS.Timeout[] = [];
  let late = false;
  const ended = await new Promise<Ended>((resolve) => {
    const child = spawn(command[0]!, command.slice(1), {
      cwd: checkoutRoot,
      env: { ...pulumiEnv(), PGHA_TEST_COUNTS: countsFile },
      stdio: ["ignore", output, output],
    });
    const end = (signal: NodeJS.Signals, seconds: number) => {
      const timer = setTimeout(() => (late = child.kill(signal)), seconds * 1000);
      timers.push(timer);
    };
    end("SIGINT", budget); // Mocha hands no other on to the process that runs the tests
    end("SIGKILL", budget + grace);
    child.once("error", (error) => resolve({ status: null, signal: null, error }));
    child.once("close", (status, signal) => resolve({ status, signal }));
  });
  timers.forEach(clearTimeout);
  const seconds = (Date.now() - started) / 1000;
  if (typeof output === "number") {
    closeSync(output);
    print(`${head}\n${readFileSync(printed, "utf8").trimEnd()}`);
  }

  const ok = ended.status === 0 && !late;
  print(`-- ${name}: ${ok ? "ok" : `FAILED: ${late ? "it took too long" : why(ended)}`} in ${seconds.toFixed(1)} s`);
  return { name, budget, seconds, ...judge(ok, counts ? readCounts(countsFile) : undefined) };
}

const why = ({ status, signal, error }: Ended) =>
  error ? error.message : signal ? `ended by ${signal}` : `exit code ${status}`;

function readCounts(file: string): Counts {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) add(total, JSON.parse(line) as Counts);
  return total;
}

/** A part that was stopped, crashed, or ran no test at all has failed even if no test said so. */
function judge(ok: boolean, counted: Counts = { passed: ok ? 1 : 0, failed: 0, skipped: 0 }): Counts {
  const failed = counted.failed === 0 && (!ok || counted.passed === 0) ? 1 : counted.failed;
  return { ...counted, failed };
}

/** Adds counts to a sum. */
export function add(sum: Counts, { passed, failed, skipped }: Counts): void {
  sum.passed += passed;
  sum.failed += failed;
  sum.skipped += skipped;
}

/** What every part took, as a table. */
export function table(results: Result[]): string {
  const rows = results.map(({ name, seconds, budget, passed, failed, skipped }) =>
    [name, seconds.toFixed(1), budget, passed, failed, skipped].map(String),
  );
  const line = (cells: string[]) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(10) : cell.padStart(9))).join("");
  return [["part", "seconds", "budget", "passed", "failed", "skipped"], ...rows].map(line).join("\n");
}
