import assert from "node:assert/strict";
import { clocks, timingFaults } from "../../../../settings/clocks";
import { clockName, drillClocks, othersClocks } from "../../../../ops/drill/clocks";
import { passed, planDrills } from "../../../../ops/drill/command";
import { faults } from "../../../../ops/drill/faults";
import type { DrillResult, Report } from "../../../../ops/drill/model";
import { interleaved, randomFrom, shuffled } from "../../../../ops/drill/plan";
import { OpsError } from "../../../../ops/errors";

const take = <T>(count: number, of: Iterable<T>): T[] => {
  const taken: T[] = [];
  for (const item of of) if (taken.push(item) === count) break;
  return taken;
};

describe("drill: the order of things", () => {
  it("lets clocks take turns, and each round begin with another one", () => {
    const order = interleaved(["x", "y"], ["a", "b"], 2).map(({ fault, clock }) => `${clock}${fault}`);
    assert.deepEqual(order, ["ax", "ay", "bx", "by", "bx", "by", "ax", "ay"]);
  });

  it("repeats a random sequence from its seed, and another seed gives another", () => {
    const names = faults.map(({ name }) => name);
    const sequence = (seed: string) => take(100, shuffled(names, randomFrom(seed)));
    assert.deepEqual(sequence("1f"), sequence("1f"));
    assert.notDeepEqual(sequence("1f"), sequence("20"));
  });

  it("brings every fault up once before any comes up again", () => {
    const names = faults.map(({ name }) => name);
    const sequence = take(2 * names.length, shuffled(names, randomFrom("seed")));
    assert.deepEqual([...sequence.slice(0, names.length)].sort(), [...names].sort());
    assert.deepEqual([...sequence.slice(names.length)].sort(), [...names].sort());
  });

  it("draws evenly", () => {
    const random = randomFrom("even");
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 10_000; draw++) counts[Math.floor(random() * 10)]!++;
    for (const count of counts) assert.ok(count > 850 && count < 1150, String(counts));
  });
});

describe("drill: what the command line asks for", () => {
  const steps = (names: string[], options = {}) => [...planDrills(names, options, "fast").steps];

  it("is the main faults on the cluster's own clock when it says nothing", () => {
    const main = faults.filter(({ main }) => main).map(({ name }) => name);
    assert.ok(main.length >= 8);
    assert.deepEqual(
      steps([]),
      main.map((fault) => ({ fault, clock: "fast" })),
    );
  });

  it("may be every fault, or two that go both ways", () => {
    assert.equal(steps(["all"]).length, faults.length);
    assert.deepEqual(
      steps(["both-ways"]).map(({ fault }) => fault),
      ["switchover", "kill-postmaster"],
    );
  });

  it("may be the drill that it all began with: a write a second for three minutes, a switchover after one", () => {
    const { load, timing } = planDrills(["original"], {}, "fast");
    assert.deepEqual(load, [{ path: "pooled", rate: 1, clients: 1 }]);
    assert.deepEqual(timing, { before: 60, after: 0, total: 180 });
  });

  it("random has no end but its time", () => {
    const { steps, deadline, seed } = planDrills(["random"], { seconds: 60 }, "fast");
    assert.equal(take(200, steps).length, 200);
    assert.ok(deadline! > Date.now() + 50_000 && deadline! <= Date.now() + 60_000);
    assert.match(seed!, /^[0-9a-f]{8}$/);
  });

  const refused: [string, string[], object, RegExp][] = [
    ["an unknown fault", ["switchover", "flood"], {}, /no such fault: flood; `pgha drill --list`/],
    [
      "an unknown clock",
      [],
      { clock: ["fast", "slow"] },
      /no such clock: slow; there are classic, fast, witnessed, autobase/,
    ],
    ["random among others", ["random", "switchover"], {}, /'random' is a drill of its own/],
    ["random on two clocks", ["random"], { clock: ["fast", "classic"] }, /one clock/],
  ];
  for (const [what, names, options, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => planDrills(names, options, "fast"),
        (error) => error instanceof OpsError && message.test(error.message),
      );
    });
  }
});

describe("drill: clocks to compare", () => {
  it("are sound by the laws that settings obey", () => {
    for (const [name, clock] of Object.entries(drillClocks)) assert.deepEqual(timingFaults(clock), [], name);
  });

  it("differ from the project's default in Patroni's and HAProxy's timings only", () => {
    const theirs = ["ttl", "loopWait", "retryTimeout", "primaryStartTimeout"];
    const allowed = [...theirs, "checkInterval", "checkFast", "checkDown", "fall", "rise"];
    for (const clock of Object.values(othersClocks)) {
      const differing = Object.entries(clock).filter(([key, value]) => clocks.fast[key as "ttl"] !== value);
      assert.deepEqual(
        differing.map(([key]) => key).filter((key) => !allowed.includes(key)),
        [],
      );
    }
  });

  it("are known by name", () => {
    assert.equal(clockName({ ...clocks.fast }), "fast");
    assert.equal(clockName({ ...clocks.fast, ttl: 25 }), "custom");
  });
});

describe("drill: its verdict", () => {
  const report = (drills: Partial<DrillResult>[], ok: boolean | null) =>
    ({ drills, verification: ok === null ? null : { ok } }) as Report;

  it("is good when every drill went well and everything is there", () => {
    assert.equal(passed(report([{ ok: true }, { ok: true, skipped: "no clock" }], true)), true);
  });

  it("is bad otherwise", () => {
    assert.equal(passed(report([{ ok: true }, { ok: false }], true)), false, "a drill failed");
    assert.equal(passed(report([{ ok: true }], false)), false, "something is missing at the end");
    assert.equal(passed(report([{ ok: true }], null)), false, "not read back");
    assert.equal(passed(report([], true)), false, "no drill");
    assert.equal(passed(report([{ ok: true, skipped: "no clock" }], true)), false, "none that ran");
  });
});
