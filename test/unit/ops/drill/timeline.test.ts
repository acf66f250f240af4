/**
 * Journals in journals/ are real: PostgreSQL 17.12, Patroni 4.1.5, HAProxy 3.0, PgBouncer 1.24; repetitions cut.
 * HAProxy's lines name the servers of today's configuration, in today's words for their checks.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { clockOffset, collect, type JournalLine } from "../../../../ops/drill/journal";
import type { LayerEvent } from "../../../../ops/drill/model";
import { layerEvents } from "../../../../ops/drill/timeline";
import { fakeReached } from "../../support/ops-fixture";

const startedAt = Date.parse("2026-11-23T12:00:00Z");

/** Lines as `TIME NODE UNIT TEXT`. */
function journal(name: string): JournalLine[] {
  const text = readFileSync(join(__dirname, "journals", `${name}.txt`), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, time, node, unit, said] = /^(\S+) (\S+) (\S+) ([^]*)$/.exec(line)!;
      return { at: Date.parse(`2026-11-23T${time}`), node: node!, unit: unit!, text: said! };
    });
}

const line = (seconds: number, node: string, unit: string, text: string): JournalLine => ({
  at: startedAt + seconds * 1000,
  node,
  unit,
  text,
});

/** The steps, without remarks. */
const steps = (events: LayerEvent[]) =>
  events.filter(({ step }) => step !== "note").map(({ node, step, text }) => `${node} ${step}: ${text}`);

const remarks = (events: LayerEvent[]) => events.map(({ layer, node, text }) => `${layer} ${node}: ${text}`);

describe("timeline of a drill", () => {
  it("tells a switchover", () => {
    const events = layerEvents(journal("switchover"), startedAt);
    assert.deepEqual(steps(events), [
      "postgresql2 noticed: was asked for a switchover",
      "postgresql2 lock-free: released the leader key",
      "postgresql3 lock-free: saw that the leader key was free",
      "haproxy1 server-down: leaders/postgresql2: does not lead",
      "postgresql1 lock-taken: took the leader key",
      "postgresql1 promoted: takes writes",
      "haproxy2 server-up: leaders/postgresql1",
      "haproxy1 server-up: leaders/postgresql1",
      "haproxy2 server-down: leaders/postgresql2: does not lead",
    ]);
    for (const remark of [
      "postgresql postgresql2: fast shutdown",
      "postgresql postgresql2: ended a commit's wait for a standby",
      "pgbouncer haproxy1: lost server connections",
      "pgbouncer haproxy1: could not log in: the database system is shutting down",
      "postgresql postgresql1: timeline 2",
      "postgresql postgresql1: postgresql3 confirms commits",
    ])
      assert.ok(remarks(events).includes(remark), remark);
    assert.deepEqual(
      events.filter(({ at }, index) => index > 0 && at < events[index - 1]!.at),
      [],
      "in the order of time",
    );
  });

  it("tells what follows a postmaster's death", () => {
    const events = layerEvents(journal("kill-postmaster"), startedAt);
    assert.deepEqual(steps(events).slice(0, 6), [
      "postgresql1 noticed: the postmaster is gone",
      "postgresql1 noticed: PostgreSQL is not running",
      "postgresql1 lock-free: released the leader key",
      "postgresql2 lock-free: saw that the leader key was free",
      "postgresql3 lock-free: saw that the leader key was free",
      "haproxy1 server-down: leaders/postgresql1: does not lead",
    ]);
    const at = (step: string) => events.find((event) => event.step === step)!.at;
    assert.equal(at("lock-free") - at("noticed"), 859, "milliseconds between what was noticed and the free key");
    assert.ok(at("promoted") > at("lock-taken"));
  });

  it("tells a power-off, where the first to know is HAProxy", () => {
    const events = layerEvents(journal("power-off-leader"), startedAt);
    assert.deepEqual(steps(events), [
      "haproxy1 server-down: leaders/postgresql2: Layer4 timeout",
      "postgresql3 lock-free: saw that the leader key was free",
      "haproxy1 server-up: leaders/postgresql3",
      "postgresql3 lock-taken: took the leader key",
      "postgresql3 promoted: takes writes",
    ]);
    const free = events.find(({ step }) => step === "lock-free")!;
    assert.equal(free.at, Date.parse("2026-11-23T12:12:03.577Z") - startedAt, "with the race's first probe");
    assert.ok(remarks(events).includes("postgresql postgresql3: lost its stream: the leader was silent"));
  });

  it("takes a start that follows no promotion for a remark", () => {
    const ready = "[7] LOG:  database system is ready to accept connections";
    const events = layerEvents([line(1, "postgresql1", "patroni", ready)], startedAt);
    assert.deepEqual(events, [
      { at: 1000, layer: "postgresql", node: "postgresql1", step: "note", text: "takes writes" },
    ]);
  });

  it("takes a leader's look round before it hands over for no race", () => {
    const events = layerEvents(
      [
        line(1, "postgresql1", "patroni", "INFO: Got response from postgresql2 https://10.88.0.22:8008/patroni: {}"),
        line(2, "postgresql1", "patroni", "INFO: Leader key released"),
      ],
      startedAt,
    );
    assert.deepEqual(steps(events), ["postgresql1 lock-free: released the leader key"]);
  });

  it("leaves out repetitions, but no change back and forth", () => {
    const server = (seconds: number, state: string) =>
      line(seconds, "haproxy1", "haproxy", `Server leaders/postgresql1 is ${state}, reason: x, check duration: 1ms.`);
    const flood = Array.from({ length: 50 }, (_, n) =>
      line(
        4 + n / 100,
        "haproxy1",
        "pgbouncer",
        `C-0x${n}: app/app@10.88.0.31:${n} pooler error: server conn crashed?`,
      ),
    );
    const events = layerEvents(
      [server(1, "UP"), server(2, "DOWN"), server(3, "UP"), server(3.5, "UP"), ...flood],
      startedAt,
    );
    assert.deepEqual(
      events.map(({ at, step }) => `${at} ${step}`),
      ["1000 server-up", "2000 server-down", "3000 server-up", "4000 note"],
    );
  });

  it("keeps the steps when there is too much to show", () => {
    const many = Array.from({ length: 200 }, (_, n) =>
      line(n, `postgresql${n}`, "patroni", "[7] LOG:  received promote request"),
    );
    const events = layerEvents([...many, line(150, "postgresql1", "patroni", "INFO: Leader key released")], startedAt);
    assert.equal(events.length, 60);
    assert.equal(events.filter(({ step }) => step === "lock-free").length, 1);
    assert.ok(
      events.every(({ at }) => at >= 120_000),
      "what came closest to the steps",
    );
  });

  it("reads etcd's JSON and systemd's own lines", () => {
    const json = (msg: string) => JSON.stringify({ level: "info", logger: "raft", msg });
    const events = layerEvents(
      [
        line(1, "etcd1", "etcd", "etcd.service: Main process exited, code=killed, status=9/KILL"),
        line(2, "etcd2", "etcd", json("raft.node: 6c26b1bb4b7a2c5d lost leader 7ab31a2f1a2b3c4d at term 3")),
        line(3, "etcd2", "etcd", json("raft.node: 6c26b1bb4b7a2c5d elected leader 6c26b1bb4b7a2c5d at term 4")),
        line(4, "etcd2", "etcd", json("apply request took too long")),
      ],
      startedAt,
    );
    assert.deepEqual(remarks(events), [
      "etcd etcd1: ended: killed, 9/KILL",
      "etcd etcd2: lost its etcd leader",
      "etcd etcd2: etcd leader of term 4",
    ]);
  });
});

describe("journals of a drill", () => {
  const entry = (ms: number, message: unknown, unit = "patroni.service") =>
    JSON.stringify({ __REALTIME_TIMESTAMP: String(ms * 1000), MESSAGE: message, _SYSTEMD_UNIT: unit });
  const now = Date.now();

  it("are read of every node, sorted and cut to the time wanted; a node out of reach is noted", async () => {
    const reached = fakeReached((node, script) => {
      if (node === "etcd1") return { unreachable: "no route to host", code: 255 };
      if (script.startsWith("date")) return String(Date.now() * 1000);
      assert.match(script, /-n \+\d+$/, "bounded");
      if (node !== "postgresql1") return "";
      return [
        entry(now + 20, "b"),
        entry(now + 10, [97, 0xc3, 0xa9]),
        entry(now - 500, "before"),
        entry(now, null),
        "{cut",
      ].join("\n");
    });
    const { lines, notes } = await collect(reached, now, now + 1000);
    assert.deepEqual(lines, [
      { at: now + 10, node: "postgresql1", unit: "patroni", text: "aé" },
      { at: now + 20, node: "postgresql1", unit: "patroni", text: "b" },
    ]);
    assert.deepEqual(notes, ["no journal of etcd1: no route to host"]);
  });

  it("are put on this machine's clock", async () => {
    const ahead = 60_000;
    const reached = fakeReached((node, script) => {
      if (script.startsWith("date")) return String((Date.now() + ahead) * 1000);
      return node === "haproxy1" ? entry(now + ahead + 100, "late", "haproxy.service") : "";
    });
    const { lines } = await collect(reached, now, now + 1000);
    assert.equal(lines.length, 1);
    assert.ok(Math.abs(lines[0]!.at - (now + 100)) < 100, String(lines[0]!.at - now));
  });

  it("are not moved by what the round trip itself may account for", () => {
    assert.equal(clockOffset(1000, 1040, 1035), 0);
    assert.equal(clockOffset(1000, 1040, 6020), 5000);
    assert.equal(clockOffset(1000, 1040, -3980), -5000);
  });
});
