import assert from "node:assert/strict";
import { Ledger } from "../../../../ops/load/ledger";

describe("the ledger", () => {
  it("issues one sequence of ids over all paths, and knows each one's path and outcome", () => {
    const ledger = new Ledger();
    assert.deepEqual([ledger.issue("pooled"), ledger.issue("write"), ledger.issue("write")], [0, 1, 2]);
    ledger.resolve(0, "unknown");
    ledger.resolve(1, "acknowledged");
    const entries = [0, 1, 2].map((id) => [ledger.pathOf(id), ledger.outcomeOf(id)]);
    assert.deepEqual(entries, [
      ["pooled", "unknown"],
      ["write", "acknowledged"],
      ["write", "pending"],
    ]);
  });

  it("keeps what it knows as it grows", () => {
    const ledger = new Ledger();
    const outcomes = ["acknowledged", "failed", "unknown"] as const;
    for (let id = 0; id < 300_000; id++) ledger.resolve(ledger.issue(id % 2 ? "write" : "pooled"), outcomes[id % 3]!);
    assert.equal(ledger.size, 300_000);
    for (let id = 0; id < ledger.size; id += 997) {
      assert.equal(ledger.outcomeOf(id), outcomes[id % 3]);
      assert.equal(ledger.pathOf(id), id % 2 ? "write" : "pooled");
    }
  });

  it("refuses a second end of a write, and ids that it has not issued", () => {
    const ledger = new Ledger();
    ledger.resolve(ledger.issue("write"), "failed");
    assert.throws(() => ledger.resolve(0, "acknowledged"), /ended before, as failed/);
    assert.throws(() => ledger.outcomeOf(1), /no write 1/);
  });
});
