import assert from "node:assert/strict";
import { bench } from "../../../../ops/bench/bench";
import { formatThroughput, median } from "../../../../ops/bench/format";
import { readPgbench } from "../../../../ops/bench/pgbench";
import { rounds, setups } from "../../../../ops/bench/plan";
import type { Runner } from "../../../../ops/ssh";
import { patroniCluster } from "../../support/ops-answers";
import { fakeReached, type Answer, type FakeRunner } from "../../support/ops-fixture";

/** As pgbench 17 prints it. */
const printed = `transaction type: /run/pgha-bench/writes.sql
scaling factor: 10
query mode: prepared
number of clients: 16
number of threads: 16
maximum number of tries: 1
duration: 5 s
number of transactions actually processed: 3821
number of failed transactions: 2 (0.052%)
latency average = 20.907 ms
initial connection time = 154.391 ms
tps = 765.285000 (without initial connection time)
`;

const settings = (change: object = {}) => ({
  clients: [1],
  seconds: 5,
  repeat: 2,
  scale: 3,
  signal: new AbortController().signal,
  progress: () => undefined,
  ...change,
});

/** A cluster whose pgbench answers; PostgreSQL has 100 connections free. */
function cluster(pgbench: (script: string) => Answer = () => printed) {
  const inputs: string[] = [];
  const reached = fakeReached((_, script) => {
    if (script.includes("/cluster")) return patroniCluster();
    if (script.includes("max_connections")) return "100";
    return script.includes("pgbench -n") ? pgbench(script) : "";
  });
  const fake = reached.runner as FakeRunner;
  const runner: Runner = {
    run: (node, script, options) => {
      inputs.push(options?.stdin ?? "");
      return fake.run(node, script);
    },
  };
  return { reached: { ...reached, runner }, inputs, scripts: () => fake.asked.map(({ script }) => script) };
}

describe("throughput", () => {
  it("measures both kinds of commit where they differ", () => {
    const all = setups([1, 16], true);
    assert.equal(all.length, 26);
    assert.ok(
      all.every(({ commit, path, work }) => commit === "quorum" || (path !== "pgbouncer" && work !== "read-only")),
    );
    assert.equal(setups([1], false).length, 9);
  });

  it("interleaves: every repeat runs everything once, and begins elsewhere", () => {
    const runs = [...rounds(["a", "b", "c", "d"], 2)];
    assert.equal(runs.map(({ run }) => run).join(""), "abcdcdab");
  });

  it("reads what pgbench prints, and nothing else", () => {
    assert.deepEqual(readPgbench(printed), { tps: 765.285, latency: 20.907, failed: 2 });
    assert.throws(() => readPgbench("pgbench: error"), /printed no result/);
  });

  it("runs on a proxy, with the password in a file that comes by its input", async () => {
    const { reached, scripts, inputs } = cluster();
    const { runs } = await bench(reached, settings());
    assert.equal(runs.length, 13);
    assert.ok(runs.every(({ tps, latency }) => tps.length === 2 && latency.length === 2));
    assert.equal(runs[0]!.failed, 4);
    assert.deepEqual(
      scripts().filter((script) => script.includes("s3cret")),
      [],
    );
    assert.ok(inputs.includes("*:*:*:app_owner:s3cretapp_owner\n"));
    const local = scripts().filter((script) => script.includes("synchronous_commit=local"));
    assert.equal(local.length, 8);
    assert.match(scripts().at(-1)!, /DROP SCHEMA IF EXISTS pgha_bench CASCADE.*rm -rf \/run\/pgha-bench$/);
  });

  it("skips what PostgreSQL has no connections for, and what fails, with the reason", async () => {
    const { reached } = cluster((script) =>
      script.includes("PGPORT=6432") ? { code: 1, stderr: "pgbench: error: no more connections allowed" } : printed,
    );
    const { runs } = await bench(reached, settings({ clients: [101] }));
    const reasons = new Set(runs.map(({ path, skipped }) => `${path}: ${skipped}`));
    const full = "101 clients are more than the 100 connections that PostgreSQL has free";
    assert.deepEqual(
      [...reasons],
      [`direct: ${full}`, `haproxy: ${full}`, "pgbouncer: on haproxy1: pgbench: error: no more connections allowed"],
    );
    assert.ok(runs.every(({ tps }) => tps.length === 0));
  });

  it("cleans up when it is stopped, and when the tables cannot be made", async () => {
    const stop = new AbortController();
    const stopped = cluster(() => {
      stop.abort();
      return { code: 255, unreachable: "killed" };
    });
    const { runs } = await bench(stopped.reached, settings({ signal: stop.signal }));
    assert.ok(runs.every(({ tps, skipped }) => tps.length === 0 && skipped === undefined));
    assert.match(stopped.scripts().at(-1)!, /DROP SCHEMA/);

    const broken = fakeReached((_, script) => {
      if (script.includes("/cluster")) return patroniCluster();
      if (script.includes("max_connections")) return "100";
      return script.includes("pgbench -i") ? { code: 1, stderr: "psql: error: disk full" } : "";
    });
    await assert.rejects(bench(broken, settings()), /disk full/);
    assert.match((broken.runner as FakeRunner).asked.at(-1)!.script, /DROP SCHEMA/);
  });

  it("is shown as ratios to the direct path", () => {
    const run = (
      path: "direct" | "haproxy" | "pgbouncer",
      commit: "quorum" | "local",
      tps: number[],
      skipped?: string,
    ) => ({
      ...{
        work: "simple" as const,
        path,
        commit,
        clients: 16,
        tps,
        latency: tps.map((one) => 16_000 / one),
        failed: 0,
      },
      ...(skipped === undefined ? {} : { skipped }),
    });
    const text = formatThroughput({
      seconds: 5,
      repeat: 3,
      scale: 10,
      runs: [
        run("direct", "quorum", [900, 1000, 5000]),
        run("haproxy", "quorum", [800]),
        run("pgbouncer", "quorum", [], "too many"),
        run("direct", "local", [1500]),
      ],
    }).map((line) => line.split(/ {2,}/));
    assert.deepEqual(text[1], ["simple", "quorum", "16", "1000", "16.0 ms", "800", "0.80", "-", "-", "-"]);
    assert.deepEqual(text[2], ["simple", "local", "16", "1500", "10.7 ms", "-", "-", "-", "-", "1.50"]);
    assert.deepEqual(text.at(-1), ["Not measured (1): too many."]);
    assert.equal(median([]), undefined);
    assert.equal(median([4, 1]), 2.5);
  });
});
