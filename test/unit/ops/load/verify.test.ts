import assert from "node:assert/strict";
import { Ledger } from "../../../../ops/load/ledger";
import type { Outcome } from "../../../../ops/load/model";
import { allSame, judge, type Readings } from "../../../../ops/load/verify";

/** Ids 0..9: one unknown that exists, one that does not, one that failed; the others acknowledged. */
const outcomes: Outcome[] = Array(10).fill("acknowledged");
outcomes[3] = "unknown";
outcomes[4] = "unknown";
outcomes[5] = "failed";
const sound = [1, 1, 1, 1, 0, 0, 1, 1, 1, 1];

function ledger(): Ledger {
  const made = new Ledger();
  for (const [id, outcome] of outcomes.entries()) made.resolve(made.issue(id % 2 ? "write" : "pooled"), outcome);
  return made;
}

function readings(counts = sound, third: Partial<{ rows: number; checksum: string }> = {}): Readings {
  const rows = counts.reduce((sum, count) => sum + count);
  const contents = { rows, checksum: "42" };
  return {
    leader: { counts: Uint8Array.from(counts), ...contents, lsn: "0/3000000" },
    nodes: [
      { node: "postgresql1", ...contents },
      { node: "postgresql2", ...contents },
      { node: "postgresql3", ...contents, ...third },
    ],
  };
}

const still = { bytes: 0, limit: 16 };
const judged = (read: Readings, regression = still) => judge(ledger(), { from: 0, to: 10 }, read, regression);
const changed = (change: Record<number, number>) => sound.map((count, id) => change[id] ?? count);

describe("the comparison of the database with the ledger", () => {
  it("finds nothing where all is well, and resolves what was unknown", () => {
    assert.deepEqual(judged(readings()), {
      acknowledged: 7,
      lost: 0,
      lostIds: [],
      unknown: { committed: 1, absent: 1 },
      failedButCommitted: 0,
      duplicates: 0,
      nodes: [1, 2, 3].map((n) => ({ node: `postgresql${n}`, rows: 8, checksum: "42", same: true })),
      readRegression: still,
      ok: true,
      faults: [],
    });
  });

  it("finds lost writes", () => {
    const { lost, lostIds, ok, faults } = judged(readings(changed({ 2: 0, 7: 0 })));
    assert.deepEqual([lost, lostIds, ok], [2, [2, 7], false]);
    assert.deepEqual(faults, ["2 acknowledged writes are lost: id 2 (pooled), 7 (write)"]);
  });

  it("does not list thousands of them", () => {
    const many = new Ledger();
    for (let id = 0; id < 5000; id++) many.resolve(many.issue("write"), "acknowledged");
    const { lost, lostIds, faults } = judge(many, { from: 0, to: 5000 }, readings(Array(5000).fill(0)), still);
    assert.deepEqual([lost, lostIds.length], [5000, 20]);
    assert.match(faults[0]!, /^5000 acknowledged writes are lost: id 0 .*, and 4995 more$/);
  });

  it("finds writes that exist twice", () => {
    const { duplicates, lost, ok, faults } = judged(readings(changed({ 1: 2 })));
    assert.deepEqual([duplicates, lost, ok, faults], [1, 0, false, ["1 write exists more than once: id 1 (write)"]]);
  });

  it("finds a write that exists although its error said no", () => {
    const { failedButCommitted, ok, faults } = judged(readings(changed({ 5: 1 })));
    assert.deepEqual([failedButCommitted, ok, faults], [1, false, ["1 failed write was committed: id 5 (write)"]]);
  });

  it("finds a replica with fewer rows, and one with others", () => {
    const fewer = readings(sound, { rows: 7 });
    assert.ok(!allSame(fewer));
    assert.deepEqual(judged(fewer).faults, ["postgresql3 has 7 rows, the leader has 8"]);
    const others = judged(readings(sound, { checksum: "43" }));
    assert.deepEqual(others.faults, ["postgresql3 has as many rows as the leader, but not the same"]);
    assert.deepEqual(
      others.nodes.map(({ same }) => same),
      [true, true, false],
    );
  });

  it("does not pass over a node that could not be read", () => {
    const read = readings();
    read.nodes[1] = { node: "postgresql2", problem: "connect to host timed out" };
    assert.ok(!allSame(read));
    assert.deepEqual(judged(read).faults, ["postgresql2 could not be compared: connect to host timed out"]);
  });

  it("does not pass where the leader could not be read", () => {
    const { ok, faults } = judged({ leader: "haproxy1: connect ECONNREFUSED", nodes: [] });
    assert.ok(!ok);
    assert.match(faults[0]!, /nothing could be compared.*ECONNREFUSED/);
  });

  it("finds reads that went back further than HAProxy lets a replica lag", () => {
    assert.ok(judged(readings(), { bytes: 16, limit: 16 }).ok);
    const { ok, faults } = judged(readings(), { bytes: 17, limit: 16 });
    assert.deepEqual([ok, faults], [false, ["a read saw 17 B of WAL less than an earlier one; 16 B are allowed"]]);
  });

  it("is about its range of ids only", () => {
    const { acknowledged, unknown } = judge(ledger(), { from: 3, to: 7 }, readings([1, 0, 0, 1]), still);
    assert.deepEqual([acknowledged, unknown], [1, { committed: 1, absent: 1 }]);
  });
});
