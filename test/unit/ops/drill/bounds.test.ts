import assert from "node:assert/strict";
import { clocks } from "../../../../settings/clocks";
import { outageBound, worstCases } from "../../../../ops/drill/bounds";
import { drillClocks } from "../../../../ops/drill/clocks";
import { faults } from "../../../../ops/drill/faults";
import { problemsOf } from "../../../../ops/drill/whole";
import type { DatabaseNode, Status } from "../../../../ops/status";
import { databaseNode } from "../../support/status";

describe("stated outages", () => {
  it("cover every fault of the catalogue, and no other", () => {
    assert.deepEqual(
      worstCases(clocks.fast)
        .map(({ fault }) => fault)
        .sort(),
      faults.map(({ name }) => name).sort(),
    );
  });

  it("say what they are made of, or why there is none", () => {
    for (const clock of Object.values(drillClocks)) {
      for (const { fault, bound, because } of worstCases(clock)) {
        assert.equal(bound, outageBound(fault, clock));
        assert.notEqual(because, "", fault);
        if (bound === null) continue;
        const sum = because.split(" + ").reduce((total, term) => total + Number(term.split(" ")[1]) * 1000, 0);
        assert.ok(Math.abs(sum - bound) < 0.001, `${fault}: ${because}`);
      }
    }
  });

  it("follow the clock", () => {
    const { fast, classic } = clocks;
    assert.ok(outageBound("power-off-leader", fast)! < 30_000);
    assert.equal(
      outageBound("power-off-leader", { ...fast, ttl: fast.ttl + 7 })! - outageBound("power-off-leader", fast)!,
      7000,
    );
    assert.ok(outageBound("kill-postmaster", classic)! > 300_000, "a crashed leader may try for 300 s");
    for (const { fault, bound } of worstCases(fast))
      if (bound !== null) assert.ok(bound <= outageBound(fault, classic)!, fault);
  });

  it("are not made up", () => {
    assert.equal(outageBound("cut-leader-from-standbys", clocks.fast), null);
    assert.equal(outageBound("no-such-fault", clocks.fast), null);
  });
});

describe("a whole cluster", () => {
  const status = (change: Partial<DatabaseNode>, warnings: string[] = []): Status => ({
    stack: "dev",
    cluster: "pgha-dev",
    whole: warnings.length === 0,
    leader: "postgresql1",
    timeline: 3,
    paused: false,
    switchover: null,
    earlyCommits: [],
    database: [databaseNode("postgresql1"), databaseNode("postgresql2", change)],
    etcd: [],
    etcdMembers: [],
    proxies: [],
    certificates: [],
    stopped: [],
    differences: [],
    disks: [],
    warnings,
    notes: [],
    transactions: [],
  });
  const strict = { synchronous: true, loaded: false };

  it("has no problems", () => assert.deepEqual(problemsOf(status({}), strict), []));

  it("has standbys with everything; under load they may be a little behind", () => {
    assert.deepEqual(problemsOf(status({ lag: 8192 }), strict), ["postgresql2 is 8.0 KiB behind"]);
    assert.deepEqual(problemsOf(status({ lag: 8192 }), { synchronous: true, loaded: true }), []);
    assert.equal(problemsOf(status({ lag: 2 ** 21 }), { synchronous: true, loaded: true }).length, 1);
    assert.equal(problemsOf(status({ lag: null }), strict).length, 1);
  });

  it("has synchronous standbys on the leader's timeline", () => {
    assert.deepEqual(problemsOf(status({ sync: "async" }), strict), ["postgresql2 is not synchronous"]);
    assert.deepEqual(problemsOf(status({ sync: "async" }), { synchronous: false, loaded: false }), []);
    assert.deepEqual(problemsOf(status({ timeline: 2 }), strict), ["postgresql2 is on timeline 2, the leader on 3"]);
  });

  it("says once what the status warns of", () => {
    const warning = "postgresql2 is on timeline 2, the leader on 3";
    assert.deepEqual(problemsOf(status({ timeline: 2 }, [warning]), strict), [warning]);
  });
});
