import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { clocks, type Clock } from "../../../settings/clocks";
import { rightsTable } from "../../../settings/rights";
import { outageBound } from "../../../ops/drill/bounds";
import { faults } from "../../../ops/drill/faults";

const page = (name: string) => readFileSync(join(__dirname, "../../..", "docs", name), "utf8");

/** Rows of the table that begins with this head, cell by cell. */
function rows(text: string, head: string): string[][] {
  const lines = text.slice(text.indexOf(head)).split("\n");
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe("docs", () => {
  it("list every fault with the bound that the code has", () => {
    const bound = (name: string, clock: Clock) => {
      const ms = outageBound(name, clock);
      return ms === null ? "none" : `${(ms / 1000).toFixed(1)} s`;
    };
    assert.deepEqual(
      rows(page("drills.md"), "| fault |").map((cells) => cells.slice(0, 4)),
      faults.map(({ name, title }) => [`\`${name}\``, title, bound(name, clocks.fast), bound(name, clocks.witnessed)]),
    );
  });
});

describe("the page of rights", () => {
  it("shows the table of rights as it is", () => {
    const text = page("rights.md");
    const rows = /<!-- rights -->\n((?:\|.+\n)+)/.exec(text)![1]!.trim().split("\n");
    assert.deepEqual(rows, rightsTable(), `the table in docs/rights.md should be:\n${rightsTable().join("\n")}`);
  });
});
