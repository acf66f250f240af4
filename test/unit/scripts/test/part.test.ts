import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { add, runPart, table, type Part } from "../../../../scripts/test/part";

describe("a part of npm test", () => {
  const folder = mkdtempSync(join(tmpdir(), "pgha-part-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What comes of a part that runs a line of shell. */
  async function counts(line: string, more: Partial<Part> = {}) {
    const part = { name: "some", budget: 20, command: ["sh", "-c", line], counts: true, ...more };
    const { passed, failed, skipped } = await runPart(part, join(folder, "some"), true, () => undefined);
    return [passed, failed, skipped];
  }
  const says = (passed: number, failed = 0, skipped = 0) =>
    `echo '${JSON.stringify({ passed, failed, skipped })}' >>"$PGHA_TEST_COUNTS"`;

  it("has as many tests as its runs say", async () =>
    assert.deepEqual(await counts(`${says(3)}; ${says(4, 0, 2)}`), [7, 0, 2]));

  it("is one test when it counts none", async () => {
    assert.deepEqual(await counts("true", { counts: false }), [1, 0, 0]);
    assert.deepEqual(await counts("exit 3", { counts: false }), [0, 1, 0]);
  });

  it("has failed as often as its tests did", async () =>
    assert.deepEqual(await counts(`${says(1, 2)}; exit 2`), [1, 2, 0]));

  it("has failed when it ran no test, crashed, could not begin, or was stopped at its budget", async () => {
    assert.deepEqual(await counts(says(0, 0, 5)), [0, 1, 5]);
    assert.deepEqual(await counts(`${says(9)}; kill -9 $$`), [9, 1, 0]);
    assert.deepEqual(await counts("", { command: ["/no/such/program"] }), [0, 1, 0]);
    assert.deepEqual(await counts(`${says(9)}; exec sleep 60`, { budget: 0.2 }), [9, 1, 0]);
  });

  it("takes away what its tests made when it is stopped at its budget, and begins no other", async function () {
    // Its first test has begun by the budget's end, on a busy machine too.
    this.timeout(30_000);
    const file = join(folder, "slow.test.cjs");
    const tests = `
      const { setTimeout: pause } = require("node:timers/promises");
      describe("slow", () => {
        after(() => console.log("taken away"));
        it("one", () => pause(6000)).timeout(20000);
        it("two", () => console.log("another"));
      });`;
    writeFileSync(file, tests);
    const command = ["node_modules/.bin/mocha", "--reporter", "test/reporter.cjs", file];
    const printed: string[] = [];
    const part = { name: "slow", budget: 4, command, counts: true };
    const result = await runPart(part, join(folder, "slow"), true, (text: string) => printed.push(text));
    assert.deepEqual([result.passed, result.failed], [1, 1], printed.join("\n"));
    assert.match(printed[0]!, /taken away/);
    assert.doesNotMatch(printed[0]!, /another/);
    assert.match(printed[1]!, /^-- slow: FAILED: it took too long in/);
  });

  it("shows what it printed under its name when it has ended", async () => {
    const printed: string[] = [];
    const part = { name: "some", budget: 20, command: ["sh", "-c", "echo one; echo two >&2"], counts: false };
    await runPart(part, join(folder, "some"), true, (text: string) => printed.push(text));
    assert.equal(printed[0], "\n== some (at most 20 s)\none\ntwo");
    assert.match(printed[1]!, /^-- some: ok in \d+\.\d s$/);
  });

  it("is a row of the table at the end", () => {
    const result = { name: "unit", budget: 700, seconds: 12.34, passed: 7, failed: 0, skipped: 1 };
    assert.match(table([result]), /^unit +12\.3 +700 +7 +0 +1$/m);
    const sum = { passed: 1, failed: 1, skipped: 1 };
    add(sum, result);
    assert.deepEqual(sum, { passed: 8, failed: 1, skipped: 2 });
  });
});
