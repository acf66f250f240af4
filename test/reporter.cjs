/**
 * Mocha's own `spec` output, and the counts appended as a line of JSON to the file named by PGHA_TEST_COUNTS, from which
 * `scripts/test.ts` adds up all parts. Interrupted, it ends after the test under way, and after what takes away what tests made.
 */
const { appendFileSync } = require("node:fs");
const { reporters } = require("mocha");

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const counts = process.env.PGHA_TEST_COUNTS;
    // Mocha's first process sends its second one both.
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => runner.abort());
    runner.once("end", () => {
      if (!counts) return;
      const { passes, failures, pending } = this.stats;
      appendFileSync(counts, `${JSON.stringify({ passed: passes, failed: failures, skipped: pending })}\n`);
    });
  }
};
