import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { compare } from "../../../../ops/report/comparison";
import { duration, percentile, ratio, seconds, spread } from "../../../../ops/report/figures";
import { renderReport } from "../../../../ops/report/html";
import { markup } from "../../../../ops/report/markup";
import { phases } from "../../../../ops/report/phases";
import { summarise } from "../../../../ops/report/summary";
import { summaryLines } from "../../../../ops/report/terminal";
import { drill, failoverEvents, hostile, report, richReport, verification } from "../../support/report";

const skipped = { skipped: "not here", paths: [], events: [], targets: [] };

describe("report: figures", () => {
  const table: [number[], number, number][] = [
    [[7], 50, 7],
    [[1, 2], 50, 1],
    [[1, 2, 3], 50, 2],
    [[1, 2, 3, 4], 0, 1],
    [[1, 2, 3, 4], 100, 4],
    [Array.from({ length: 100 }, (_, index) => index + 1), 95, 95],
  ];
  for (const [values, percent, expected] of table) {
    it(`percentile ${percent} of ${values.length} values is ${expected}`, () =>
      assert.equal(percentile(values, percent), expected));
  }
  it("spreads unsorted values, and no values are no spread", () => {
    assert.deepEqual(spread([30, 10, 20]), { min: 10, p50: 20, p95: 30, max: 30 });
    assert.equal(spread([]), null);
  });
  it("says times with the unit that suits them", () => {
    assert.deepEqual([0, 850, 12_300, 250_000, 7_500_000, -4_000, null].map(duration), [
      "0 ms",
      "850 ms",
      "12.30 s",
      "4 min 10 s",
      "2 h 5 min",
      "-4.00 s",
      "-",
    ]);
    assert.deepEqual([seconds(1234), seconds(null), ratio(2), ratio(Infinity)], ["1.23", "-", "×2.00", "-"]);
  });
});

describe("report: escaping", () => {
  it("leaves no text as markup that is none", () => {
    const made = markup`<a title="${hostile}">${[hostile, null, undefined, 3, markup`<b>${"<"}</b>`]}</a>`.html;
    assert.doesNotMatch(made, /<(script|img)/);
    assert.ok(made.endsWith("&amp;amp;3<b>&lt;</b></a>"), made);
  });
  it("of a whole page: hostile text from every field adds no element, and the policy allows one script only", () => {
    const plain = renderReport(report([drill(900)]));
    const page = renderReport(richReport());
    const scripts = (text: string) => text.match(/<script/g)!.length;
    assert.equal(scripts(page), scripts(plain));
    assert.doesNotMatch(page, /<img/);
    assert.match(page, /content="default-src &#39;none&#39;|content="default-src 'none'/);
    assert.doesNotMatch(page, /(src|href)="?https?:/);
  });
  it("has the whole report in it", () => {
    const rich = richReport();
    const packed = /id="data">([\w+/=]+)</.exec(renderReport(rich))![1]!;
    const there = JSON.parse(gunzipSync(Buffer.from(packed, "base64")).toString()) as unknown;
    assert.deepEqual(there, JSON.parse(JSON.stringify(rich)));
  });
});

describe("report: summary", () => {
  it("has a row for each fault and clock, with what the drills measured", () => {
    const drills = [3000, 1000, 2000].map((gap) => drill(gap));
    const failed = drill(40_000, { clock: "classic", ok: false, whole: null, faults: ["too long"] });
    const { rows, ...all } = summarise(report([...drills, failed, drill(0, { fault: "clock-jump", ...skipped })]));
    assert.deepEqual([all.verdict, all.passed, all.failed, all.skipped], ["failed", 3, 1, 1]);
    assert.deepEqual(
      rows.map(({ fault, clock, passed, failed, skipped }) => [fault, clock, passed, failed, skipped]),
      [
        ["power-off-leader", "fast", 3, 0, 0],
        ["power-off-leader", "classic", 0, 1, 0],
        ["clock-jump", "fast", 0, 0, 1],
      ],
    );
    const [first, second, third] = rows;
    assert.deepEqual(first!.pooled, { min: 1000, p50: 2000, p95: 3000, max: 3000 });
    assert.deepEqual(first!.write, { min: 930, p50: 1860, p95: 2790, max: 2790 });
    assert.deepEqual([first!.bound, first!.whole?.max, first!.broken], [27_000, 5400, 0]);
    assert.deepEqual([second!.whole, second!.broken], [null, 1]);
    assert.deepEqual(third!.pooled, null);
    // Each of three drills: two failed and four unknown on each write path (the read path never stalls).
    assert.deepEqual([first!.errors.failed, first!.errors.unknown], [12, 24]);
  });

  it("takes counts from the run's own reading back, and never hides a loss that one drill saw", () => {
    const lossy = drill(900, { verification: verification({ lost: 2, ok: false }), ok: false });
    const whole = summarise(report([lossy], { verification: verification({ acknowledged: 9_999 }) }));
    assert.deepEqual([whole.acknowledged, whole.lost, whole.verdict], [9_999, 2, "failed"]);
  });

  it("fails a run whose reading back fails, though every drill passed", () => {
    const bad = verification({ duplicates: 1, ok: false, faults: ["1 duplicate"] });
    assert.equal(summarise(report([drill(900)], { verification: bad })).verdict, "failed");
  });

  it("of a run that goes on: sums what there is, and says so", () => {
    const running = report([drill(900), drill(800)], { ended: null, verification: null });
    const { verdict, acknowledged, unknown } = summarise(running);
    assert.deepEqual([verdict, acknowledged, unknown.committed], ["running", 8_642, 6]);
    assert.match(renderReport(running), /The run still goes on: 2 drills passed so far/);
  });

  it("of an interrupted run: does not pass", () => {
    assert.equal(summarise(report([drill(900)], { verification: null })).verdict, "unverified");
  });

  it("of an empty run, and of one that skipped everything: shows nothing, and passes nothing", () => {
    const empty = report([], { verification: null });
    assert.equal(summarise(empty).verdict, "empty");
    assert.match(renderReport(empty), /No drill ran\./);
    const nothing = report([drill(0, skipped)]);
    assert.match(summaryLines(nothing).at(-1)!, /No drill ran: 1 drill skipped/);
  });
});

describe("report: clocks side by side", () => {
  it("compares medians with the project's own clock", () => {
    const drills = [drill(8000, { clock: "classic" }), drill(2000), drill(4000, { clock: "pigsty-norm" })];
    const other = [drill(1000, { fault: "switchover" }), drill(9000, { fault: "switchover", clock: "classic" })];
    const compared = compare(summarise(report([...drills, ...other])).rows)!;
    assert.equal(compared.baseline, "fast");
    const overall = Object.fromEntries(compared.overall.map(({ clock, ratio }) => [clock, ratio!.toFixed(2)]));
    assert.deepEqual(overall, { classic: "6.00", fast: "1.00", "pigsty-norm": "2.00" });
  });
  it("has nothing to say of one clock", () => assert.equal(compare(summarise(report([drill(900)])).rows), null));
});

describe("report: phases of a failover", () => {
  it("are the stretches between what the layers saw, without a hole", () => {
    const found = phases(failoverEvents(10_000), 4_000);
    assert.deepEqual(
      found.map(({ name, from, to }) => [name, to - from]),
      [
        ["detect", 6200],
        ["elect", 1200],
        ["promote", 1200],
        ["proxy", 900],
        ["client", 500],
      ],
    );
    assert.equal(found[0]!.until, "Patroni on postgresql2");
  });
  it("a step that nobody reported belongs to the next phase", () => {
    const events = failoverEvents(10_000).filter(({ step }) => step !== "lock-taken");
    assert.deepEqual(phases(events, 4_000).map(({ name, from, to }) => [name, to - from])[1], ["promote", 2400]);
  });
  it("without a promotion there are none", () => {
    const events = failoverEvents(10_000).filter(({ step }) => step !== "promoted");
    assert.deepEqual(phases(events, 4_000), []);
  });
});

describe("report: size", () => {
  it("a soak of 600 drills stays small", () => {
    const many = Array.from({ length: 600 }, (_, index) => drill(1000 + index * 10));
    const started = performance.now();
    const size = renderReport(report(many)).length;
    assert.ok(size < 15 * 1024 ** 2, `${(size / 1024 ** 2).toFixed(1)} MiB`);
    assert.ok(performance.now() - started < 15_000);
  });
});

describe("report: terminal", () => {
  it("shows the same summary as a table", () => {
    const lines = summaryLines(richReport());
    assert.match(lines[0]!, /^FAULT +CLOCK +RUNS +MIN +P50 +P95 +MAX +BOUND +ERRORS +LOST +WHOLE +VERDICT$/);
    assert.match(
      lines.find((line) => line.startsWith("cut-standbys"))!,
      / 11\.20 .* 3 +- +1 FAILED$/,
    );
    assert.equal(lines.at(-1), "3 acknowledged writes were lost; 1 of 25 drills failed.");
  });
});
