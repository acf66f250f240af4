import assert from "node:assert/strict";
import fc from "fast-check";
import { timingFaults, clockNames, clocks, detectionWindow, type Clock } from "../../../settings/clocks";

describe("clocks", () => {
  for (const name of clockNames) {
    describe(name, () => {
      const clock: Clock = clocks[name];

      it("keeps Patroni's law and floors", () => {
        assert.ok(clock.loopWait + 2 * clock.retryTimeout <= clock.ttl);
        assert.ok(clock.ttl >= 20 && clock.loopWait >= 1 && clock.retryTimeout >= 3);
      });

      it("lets HAProxy notice a change before the leader key dies", () => {
        assert.ok(detectionWindow(clock) < clock.ttl * 1000);
      });

      it("has no faults", () => assert.deepEqual(timingFaults(clock), []));
    });
  }

  it("`fast` is nowhere slower than `classic`, but for the time a silent session may live, and has what that has not", () => {
    for (const [field, value] of Object.entries(clocks.fast)) {
      if (!["idleTimeout", "hold", "pause"].includes(field))
        assert.ok(value <= clocks.classic[field as keyof Clock], field);
    }
  });

  it("`classic` is the baseline: what the hand-made set-up had", () => {
    const { ttl, loopWait, retryTimeout, checkInterval, fall, rise, connectTimeout, idleTimeout } = clocks.classic;
    assert.deepEqual([ttl, loopWait, retryTimeout, checkInterval, fall, rise], [30, 10, 10, 3000, 3, 2]);
    assert.deepEqual([connectTimeout, idleTimeout], [5000, 30]);
  });

  it("silence is a fault in `classic` only", () => {
    for (const [name, { idleTimeout }] of Object.entries(clocks))
      assert.equal(idleTimeout > 0, name === "classic", name);
  });

  it("the window is one ordinary interval and fall - 1 fast ones", () => {
    assert.equal(detectionWindow(clocks.classic), 9000);
    assert.equal(detectionWindow(clocks.fast), 700);
  });

  it("have faults exactly when a law is broken", () => {
    const timing = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(
        timing,
        timing,
        timing,
        fc.integer({ min: 1, max: 40_000 }),
        (ttl, loopWait, retryTimeout, checkInterval) => {
          const clock = { ...clocks.fast, ttl, loopWait, retryTimeout, checkInterval };
          const lawful =
            ttl >= 20 &&
            loopWait >= 1 &&
            retryTimeout >= 3 &&
            loopWait + 2 * retryTimeout <= ttl &&
            detectionWindow(clock) < ttl * 1000;
          assert.equal(timingFaults(clock).length === 0, lawful);
        },
      ),
    );
  });
});
