/** `npm test [-- PART...]`: every check of the project, cheapest first, each with a time budget; closes with the counts. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkoutRoot, pulumiEnv } from "../ops/env";
import { setup } from "./setup";

interface Part {
  name: string;
  /** Seconds it may take before it is stopped and counts as failed. Generous: machines differ. */
  budget: number;
  command: string[];
  /** Mocha counts its own tests; any other command is one test. */
  counts: boolean;
}

const mocha = (files: string) => ["mocha", "--import=tsx", "--reporter", "test/reporter.cjs", files];

const parts: Part[] = [
  { name: "lint", budget: 180, command: ["eslint", "."], counts: false },
  { name: "format", budget: 120, command: ["prettier", "--check", "."], counts: false },
  { name: "floors", budget: 120, command: ["npm", "run", "--silent", "floors"], counts: false },
  { name: "python", budget: 240, command: ["npm", "run", "--silent", "python"], counts: false },
  { name: "types", budget: 180, command: ["tsc", "--noEmit"], counts: false },
  { name: "unit", budget: 700, command: mocha("test/unit/**/*.test.ts"), counts: true },
  { name: "engine", budget: 400, command: mocha("test/integration/*-engine.test.ts"), counts: true },
  { name: "report", budget: 300, command: mocha("test/integration/report.test.ts"), counts: true },
  { name: "driver", budget: 300, command: mocha("test/integration/incus*.test.ts"), counts: true },
  { name: "haproxy", budget: 400, command: mocha("test/integration/haproxy*.test.ts"), counts: true },
  { name: "catalogue", budget: 120, command: mocha("test/integration/catalogue.test.ts"), counts: true },
  { name: "volume", budget: 60, command: mocha("test/integration/volume.test.ts"), counts: true },
  { name: "smallest", budget: 600, command: mocha("test/integration/smallest.test.ts"), counts: true },
  { name: "cluster", budget: 1500, command: mocha("test/integration/cluster.test.ts"), counts: true },
  { name: "upgrade", budget: 1200, command: mocha("test/integration/upgrade.test.ts"), counts: true },
  { name: "membership", budget: 600, command: mocha("test/integration/membership.test.ts"), counts: true },
  { name: "mistakes", budget: 700, command: mocha("test/integration/mistakes.test.ts"), counts: true },
  { name: "crowds", budget: 900, command: mocha("test/integration/crowds.test.ts"), counts: true },
  { name: "rehearsal", budget: 900, command: mocha("test/integration/rehearsal.test.ts"), counts: true },
  { name: "drill", budget: 1200, command: mocha("test/integration/drill.test.ts"), counts: true },
];

async function main(wanted: string[]): Promise<number> {
  const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    console.error(`No such part: ${unknown.join(", ")}. Parts: ${parts.map(({ name }) => name).join(", ")}.`);
    return 2;
  }
  await setup();
  const total = { passed: 0, failed: 0, skipped: 0 };
  const scratch = mkdtempSync(join(tmpdir(), "pgha-test-"));
  try {
    for (const part of parts.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
      const result = run(part, join(scratch, part.name));
      total.passed += result.passed;
      total.failed += result.failed;
      total.skipped += result.skipped;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed > 0 ? 1 : 0;
}

function run(part: Part, countsFile: string): { passed: number; failed: number; skipped: number } {
  console.log(`\n== ${part.name} (at most ${part.budget} s)`);
  writeFileSync(countsFile, "");
  const started = Date.now();
  const [command, ...args] = part.command;
  const { status, signal, error } = spawnSync(command!, args, {
    cwd: checkoutRoot,
    env: { ...pulumiEnv(), PGHA_TEST_COUNTS: countsFile },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: part.budget * 1000,
  });
  const ok = status === 0;
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const line of readFileSync(countsFile, "utf8").split("\n").filter(Boolean)) {
    const { passed, failed, skipped } = JSON.parse(line) as typeof counts;
    counts.passed += passed;
    counts.failed += failed;
    counts.skipped += skipped;
  }
  if (!part.counts && ok) counts.passed = 1;
  // A part that was stopped, crashed, or ran no test at all has failed even if no test said so.
  if ((!ok || (part.counts && counts.passed === 0)) && counts.failed === 0) counts.failed = 1;
  const why = ok ? "" : error ? `: ${error.message}` : signal ? `: ended by ${signal}` : `: exit code ${status}`;
  console.log(`-- ${part.name}: ${ok ? "ok" : `FAILED${why}`} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return counts;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(error.message);
    console.log("\n0 passed, 1 failed");
    process.exit(1);
  },
);
