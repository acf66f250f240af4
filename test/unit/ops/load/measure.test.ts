import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { OpenLoop, patience, type Worker } from "../../../../ops/load/open-loop";
import { HighWater } from "../../../../ops/load/reads";
import { Recorder } from "../../../../ops/load/recorder";

/** A load of one path against a made-up server, on a clock that is turned by hand. */
class Bench {
  now = 0;
  readonly recorder = new Recorder("pooled", 0);
  readonly loop: OpenLoop;
  private sleeping: { until: number; wake: () => void }[] = [];

  /** @param serve when the answer comes to an operation that is sent now, and whether it is good */
  constructor(rate: number, workers: number, serve: (now: number) => { until: number; ok?: boolean }) {
    const worker: Worker = async () => {
      const { until, ok = true } = serve(this.now);
      if (until > this.now) await new Promise<void>((wake) => this.sleeping.push({ until, wake }));
      return ok ? { outcome: "acknowledged" } : { outcome: "failed", class: "53100 disk_full", example: "no space" };
    };
    this.loop = new OpenLoop(rate, Array(workers).fill(worker), this.recorder, 0, () => this.now);
  }

  /** Turns the clock on, in steps of 5 ms. */
  async until(end: number): Promise<void> {
    for (; this.now < end; this.now += 5) {
      for (const { wake } of this.sleeping.filter(({ until }) => until <= this.now)) wake();
      this.sleeping = this.sleeping.filter(({ until }) => until > this.now);
      this.loop.release();
      await nextTurn();
    }
  }
}

const quick = (now: number) => ({ until: now + 5 });

describe("a load at a fixed rate", () => {
  it("sends what is due, spread over time", async () => {
    const bench = new Bench(100, 4, quick);
    await bench.until(3000);
    const { due, acknowledged, longestGap, latency, seconds } = bench.recorder.result(bench.now);
    assert.deepEqual([due, acknowledged], [300, 300]);
    assert.ok(longestGap.ms <= 10 && latency.max! <= 10, JSON.stringify({ longestGap, latency }));
    assert.deepEqual(
      seconds.slice(0, 3).map((second) => [second.second, second.acknowledged]),
      [
        [0, 100],
        [1, 100],
        [2, 100],
      ],
    );
  });

  it("feels a stall of two seconds in full: its length, and in every operation that fell into it", async () => {
    const stalled = (now: number) => ({ until: now >= 1000 && now < 3000 ? 3000 : now + 5 });
    const bench = new Bench(100, 4, stalled);
    await bench.until(6000);
    const { acknowledged, longestGap, latency, seconds } = bench.recorder.result(bench.now);
    assert.equal(acknowledged, 600, "what piled up is done afterwards");
    assert.ok(Math.abs(longestGap.ms - 2000) <= 20, `${longestGap.ms}`);
    assert.ok(Math.abs(longestGap.at - 1000) <= 20, `${longestGap.at}`);
    // 200 of 600 operations fell into it, their latencies even between 0 and 2 s: the worst 6 of 600 are the first of them.
    assert.ok(latency.p99! > 1900 && latency.max! <= 2050 && latency.p50! < 20, JSON.stringify(latency));
    assert.ok(latency.p95! > 1650 && latency.p95! < 1800, JSON.stringify(latency));
    assert.deepEqual([seconds[2]!.acknowledged, seconds[2]!.p99], [0, null]);
    assert.ok(seconds[3]!.p99! > 1900 && seconds[5]!.p99! < 20);
  });

  it("counts errors as no acknowledgement, however quick they are", async () => {
    const bench = new Bench(10, 2, (now) => ({ until: now + 5, ok: now < 1000 || now >= 4000 }));
    await bench.until(6000);
    const { failed, longestGap, errors } = bench.recorder.result(bench.now);
    assert.equal(failed, 30);
    assert.ok(longestGap.ms >= 3000 && longestGap.ms <= 3110, `${longestGap.ms}`);
    assert.deepEqual(errors, [{ class: "53100 disk_full", count: 30, example: "no space" }]);
    assert.deepEqual([bench.recorder.marks.length, bench.recorder.marks[0]!.at >= 1000], [30, true]);
  });

  it("takes no pause between rare operations for a gap, and no outage for a pause", async () => {
    const bench = new Bench(1, 1, quick);
    await bench.until(10_000);
    assert.ok(bench.recorder.flowing(bench.now));
    assert.ok(bench.recorder.result(bench.now).longestGap.ms <= 10);
  });

  it("counts an outage that lasts to the end", async () => {
    const bench = new Bench(100, 2, (now) => ({ until: now < 1000 ? now + 5 : Infinity }));
    await bench.until(4000);
    assert.ok(!bench.recorder.flowing(bench.now));
    const { longestGap } = bench.recorder.result(bench.now);
    assert.ok(Math.abs(longestGap.ms - 3000) <= 20, `${longestGap.ms}`);
  });

  it("stops once all that was due has ended", async () => {
    const bench = new Bench(100, 1, (now) => ({ until: now + 500 }));
    await bench.until(1000);
    let ended = false;
    void bench.loop.stop().then(() => (ended = true));
    await bench.until(40_000);
    assert.ok(!ended);
    await bench.until(52_000);
    assert.ok(ended);
    const { due, acknowledged } = bench.recorder.result(bench.now);
    assert.deepEqual([due, acknowledged], [100, 100]);
  });

  it("gives up what could not be sent within its patience", async () => {
    const bench = new Bench(100, 1, () => ({ until: patience + 5000 }));
    await bench.until(1000);
    const stopped = bench.loop.stop();
    await bench.until(patience + 6000);
    await stopped;
    const { acknowledged, failed, errors } = bench.recorder.result(bench.now);
    assert.deepEqual([acknowledged, failed, errors[0]!.class], [1, 99, "never sent"]);
  });
});

describe("the record of a path", () => {
  it("counts connections that were refused apart from operations", () => {
    const recorder = new Recorder("write", 1000);
    recorder.trouble(1500, true, { class: "ECONNREFUSED", example: "refused" });
    recorder.trouble(2500, false, { class: "57P01 admin_shutdown", example: "shut down" });
    const { due, failed, errors, seconds } = recorder.result(3000);
    assert.deepEqual([due, failed, seconds.map(({ refused }) => refused)], [0, 0, [1, 0, 0]]);
    assert.deepEqual(
      errors.map((error) => error.class),
      ["connect: ECONNREFUSED", "idle: 57P01 admin_shutdown"],
    );
  });

  it("shows the second before, the gap that lasts, and what waits", () => {
    const recorder = new Recorder("write", 0);
    recorder.due(100);
    recorder.done(130, 100, "acknowledged");
    recorder.due(900);
    const { last, gap, waiting } = recorder.live(1400);
    assert.deepEqual([last?.acknowledged, Math.round(last?.p50 ?? 0), gap, waiting], [1, 30, 500, 1]);
  });
});

describe("reads", () => {
  it("went back by what one saw less than those that had ended before it began", () => {
    const water = new HighWater();
    water.begin()(100);
    const early = water.begin();
    water.begin()(500);
    early(90); // began when 100 had been seen
    assert.equal(water.slice, 10);
    water.begin()(450);
    assert.deepEqual([water.slice, water.all], [50, 50]);
    water.startSlice();
    water.begin()(499);
    assert.deepEqual([water.slice, water.all], [1, 50]);
  });
});
