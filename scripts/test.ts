/**
 * `npm test [-- [--thorough] PART...]`: every check of the project, cheapest first, each with a time budget; closes with a table of what
 * each took, and the counts. Thoroughly: test/integration/support/thorough.ts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setup } from "./setup";
import { add, runPart, table, type Counts, type Part, type Result } from "./test/part";

const mocha = (files: string) => ["mocha", "--import=tsx", "--reporter", "test/reporter.cjs", files];

const parts: Part[] = [
  // The longest first: those beside it fit in its time.
  { name: "unit", budget: 1200, command: mocha("test/unit/**/*.test.ts"), counts: true, beside: true },
  { name: "lint", budget: 480, command: ["eslint", "."], counts: false, beside: true },
  { name: "format", budget: 300, command: ["prettier", "--check", "."], counts: false, beside: true },
  { name: "floors", budget: 300, command: ["npm", "run", "--silent", "floors"], counts: false, beside: true },
  { name: "python", budget: 400, command: ["npm", "run", "--silent", "python"], counts: false, beside: true },
  { name: "types", budget: 480, command: ["tsc", "--noEmit"], counts: false, beside: true },
  { name: "engine", budget: 600, command: mocha("test/integration/*-engine.test.ts"), counts: true, beside: true },
  { name: "report", budget: 500, command: mocha("test/integration/report.test.ts"), counts: true, beside: true },
  { name: "catalogue", budget: 240, command: mocha("test/integration/catalogue.test.ts"), counts: true, beside: true },
  { name: "volume", budget: 150, command: mocha("test/integration/volume.test.ts"), counts: true, beside: true },
  { name: "driver", budget: 300, command: mocha("test/integration/incus*.test.ts"), counts: true },
  { name: "haproxy", budget: 400, command: mocha("test/integration/haproxy*.test.ts"), counts: true },
  { name: "smallest", budget: 600, command: mocha("test/integration/smallest.test.ts"), counts: true },
  { name: "cluster", budget: 1500, command: mocha("test/integration/cluster.test.ts"), counts: true },
  { name: "upgrade", budget: 1200, command: mocha("test/integration/upgrade.test.ts"), counts: true },
  { name: "membership", budget: 600, command: mocha("test/integration/membership.test.ts"), counts: true },
  { name: "mistakes", budget: 900, command: mocha("test/integration/mistakes.test.ts"), counts: true },
  { name: "crowds", budget: 900, command: mocha("test/integration/crowds.test.ts"), counts: true },
  { name: "rehearsal", budget: 900, command: mocha("test/integration/rehearsal.test.ts"), counts: true },
  { name: "drill", budget: 1200, command: mocha("test/integration/drill.test.ts"), counts: true },
  // Needs Go, Java with Maven, and Rust, and what all of their packages are.
  { name: "clients", budget: 1200, command: mocha("test/integration/clients.test.ts"), counts: true, onRequest: true },
];

/** How much longer parts may take with `--thorough`. */
const thoroughly = 4;

async function main(args: string[]): Promise<number> {
  const thorough = args.includes("--thorough");
  if (thorough) process.env.PGHA_THOROUGH = "1";
  const wanted = args.filter((arg) => arg !== "--thorough");
  const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    console.error(`No such part: ${unknown.join(", ")}. Parts: ${parts.map(({ name }) => name).join(", ")}.`);
    return 2;
  }
  const started = Date.now();
  await setup();
  const chosen = parts
    .filter(({ name, onRequest }) => (wanted.length === 0 ? !onRequest : wanted.includes(name)))
    .map((part) => ({ ...part, budget: part.budget * (thorough ? thoroughly : 1) }));
  const scratch = mkdtempSync(join(tmpdir(), "pgha-test-"));
  let results: Result[];
  try {
    const beside = chosen.filter((part) => part.beside);
    results = await sideBySide(beside, scratch);
    for (const part of chosen.filter((part) => !part.beside))
      results.push(await runPart(part, join(scratch, part.name), false));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const result of results) add(total, result);
  console.log(`\n${table(results)}`);
  console.log(`with the set-up ${((Date.now() - started) / 1000).toFixed(1)} s`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed > 0 ? 1 : 0;
}

/** As many at a time as there are processors; each shows what it printed when it ends, for people to read one after another. */
async function sideBySide(list: Part[], scratch: string): Promise<Result[]> {
  const whole = list.length > 1;
  const waiting = [...list];
  const running = new Set<string>();
  const results: Result[] = [];
  const worker = async () => {
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      running.add(part.name);
      if (whole) console.log(`.. ${part.name} begins; what it prints is shown at its end`);
      results.push(await runPart(part, join(scratch, part.name), whole));
      running.delete(part.name);
    }
  };
  const alive = setInterval(() => whole && console.log(`.. running: ${[...running].join(", ")}`), 30_000);
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
  } finally {
    clearInterval(alive);
  }
  return results;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(error.message);
    console.log("\n0 passed, 1 failed");
    process.exit(1);
  },
);
