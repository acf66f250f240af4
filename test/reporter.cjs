/**
 * Mocha's own `spec` output, and the counts appended as a line of JSON to the file named by PGHA_TEST_COUNTS, from which
 * `scripts/test.ts` adds up all parts.
 */
const { appendFileSync } = require("node:fs");
const { reporters } = require("mocha");

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const counts = process.env.PGHA_TEST_COUNTS;
    runner.once("end", () => {
      if (!counts) return;
      const { passes, failures, pending } = this.stats;
      appendFileSync(counts, `${JSON.stringify({ passed: passes, failed: failures, skipped: pending })}\n`);
    });
  }
};
