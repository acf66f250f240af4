import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { meaningOf } from "../../../../ops/drill/log-rules";
import { parse } from "yaml";
import { nodeFiles } from "../../../../cloud-init/node-files";
import { temporaryFolder } from "../../support/bash";
import { ownEtcd } from "../../support/etcd";
import { python } from "../../support/python";
import { plan } from "../../support/settings";

const fileOf = (raw: Record<string, unknown>, path: string) => {
  const made = plan(raw);
  return nodeFiles(made, made.postgresql[0]!).find((file) => file.path === path);
};
const preInstalled = (raw: Record<string, unknown>) =>
  (parse(fileOf(raw, "/etc/patroni/patroni.yml")!.content) as { postgresql: { pre_promote?: string } }).postgresql
    .pre_promote;

describe("the guard's files", () => {
  it("are there before Patroni is told to run it: without it nobody could be promoted", () => {
    const path = preInstalled({});
    assert.equal(fileOf({}, path!)!.mode, "0755");
    assert.equal(fileOf({}, "/usr/local/lib/pgha/etcd_gateway.py")!.mode, "0644");
  });

  it("name the node, its fellows and etcd", () => {
    const config = JSON.parse(fileOf({ nodes: { postgresql: 2 } }, "/etc/pgha/guard.json")!.content) as unknown;
    assert.deepEqual(config, {
      scope: "pgha-dev",
      name: "postgresql1",
      etcd: ["10.88.0.11:2379", "10.88.0.12:2379", "10.88.0.13:2379"],
      members: { postgresql1: "10.88.0.21", postgresql2: "10.88.0.22" },
    });
  });

  it("keep it running, as the user that Patroni runs as", () => {
    const unit = fileOf({}, "/etc/systemd/system/pgha-guard.service")!.content;
    assert.match(unit, /^User=postgres$/m);
    assert.match(unit, /^ExecStart=\/usr\/local\/lib\/pgha\/guard.py serve \/run\/pgha-guard\/socket$/m);
    assert.match(unit, /^Restart=always$/m);
  });
});

/** What Patroni keeps in /sync. */
interface Sync {
  leader: string;
  sync_standby: string | null;
  quorum: number;
}
interface View {
  mine?: number;
  following?: string[];
  down?: string[];
  reach?: Record<string, number>;
}

const three: Sync = { leader: "a", sync_standby: "b,c", quorum: 1 };
const five: Sync = { leader: "a", sync_standby: "b,c,d,e", quorum: 3 };

// [what, /sync, this node, what it knows, is every acknowledged commit here]
const decisions: [string, Sync, string, View, boolean][] = [
  ["two nodes: the standby has confirmed everything", { leader: "a", sync_standby: "b", quorum: 0 }, "b", {}, true],
  ["nobody has been heard", three, "b", { mine: 10 }, false],
  ["a voter that follows, and has no more", three, "b", { mine: 10, reach: { c: 10 } }, true],
  ["a voter that has more: a commit it confirmed may be missing", three, "b", { mine: 10, reach: { c: 11 } }, false],
  ["the old leader, a standby now, has no more", three, "b", { mine: 10, reach: { a: 9 } }, true],
  ["the old leader, a standby now, has more", three, "b", { mine: 10, reach: { a: 11 } }, false],
  ["the old leader alone where three are needed", five, "b", { mine: 10, reach: { a: 10 } }, false],
  ["two of the three others needed", five, "b", { mine: 10, reach: { c: 1, d: 2 } }, false],
  ["three of them", five, "b", { mine: 10, reach: { c: 1, d: 2, e: 3 } }, true],
  ["three of them, one with more", five, "b", { mine: 10, reach: { c: 1, d: 2, e: 30 } }, false],
  ["no voter itself: one voter is not enough", three, "d", { mine: 10, reach: { b: 1 } }, false],
  ["no voter itself: two voters", three, "d", { mine: 10, reach: { b: 1, c: 1 } }, true],
  ["a follower that is not a voter does not count", three, "b", { mine: 10, reach: { d: 1 } }, false],
  ["its own position does not count", three, "b", { mine: 10, reach: { b: 10 } }, false],
  ["the leader of /sync, after another led: its own word is not enough", three, "a", { mine: 10 }, false],
  ["the same with one of its voters", three, "a", { mine: 10, reach: { c: 10 } }, true],
];

describe("the guard", () => {
  const prelude = `
import guard
def race(me, sync, **roles):
    entries = {"sync": sync, **{"members/" + name: {"role": role} for name, role in roles.items()}}
    return guard.parse_race(me, {key: guard.Entry(json.dumps(value), 1) for key, value in entries.items()})
def view(given): return guard.View(**{**given, "following": set(given.get("following", [])), "down": set(given.get("down", []))})
`;

  let found: boolean[];
  before(() => {
    found = python<boolean[]>(
      `${prelude}result = [guard.is_safe(race(me, s), view(v)) for s, me, v in given]`,
      decisions.map(([, sync, me, view]) => [sync, me, view]),
    );
  });
  for (const [index, [what, , , , expected]] of decisions.entries())
    it(`${expected ? "lets through" : "holds"}: ${what}`, () => assert.equal(found[index], expected));

  it("has nothing to hold where this node alone may have acknowledged anything", () => {
    const [asynchronous, trivial, another, former] = python<[boolean, boolean, boolean, string[]]>(
      `${prelude}
unsettled = race("a", given, a="replica", b="primary", c="replica")
result = [race("b", {}) is None, race("a", given, a="replica").is_trivial, unsettled.is_trivial, sorted(unsettled.former)]`,
      three,
    );
    assert.deepEqual([asynchronous, trivial, another, former], [true, true, false, ["a", "b"]]);
  });

  it("asks for positions only where they are final", () => {
    const views: View[] = [
      {},
      { following: ["c"] },
      { following: ["a", "c", "d"] },
      { down: ["a"] },
      { down: ["a"], following: ["c"] },
    ];
    const asked = python<string[][][]>(
      `${prelude}
unsettled = race("b", given[0], d="promoted")
result = [[sorted(guard.askable(each, view(v))) for v in given[1]] for each in (race("b", given[0]), unsettled)]`,
      [three, views],
    );
    assert.deepEqual(asked, [
      [[], ["c"], ["a", "c"], ["a", "c"], ["a", "c"]],
      [[], ["c"], ["a", "c"], [], ["c"]],
    ]);
  });

  it("reads of Patroni's answers only the ones that prove that no writes are taken", () => {
    const answers = [
      { state: "stopped", role: "demoted" },
      { state: "running", role: "replica", xlog: { received_location: 5, replayed_location: 5 } },
      { state: "running", role: "primary", xlog: { location: 5 } },
      { state: "stopping", role: "primary" },
      { state: "starting", role: "replica" },
      { state: "unknown", role: "primary" },
      { state: "crashed", role: "primary" },
      {},
    ];
    const [proofs, leads] = python<boolean[][]>(
      "import guard\nresult = [[f(each) for each in given] for f in (guard.takes_no_writes, guard.leads)]",
      answers,
    );
    assert.deepEqual(proofs, [true, true, false, false, false, false, false, false]);
    assert.deepEqual(leads, [false, false, true, false, false, false, false, false]);
  });

  /**
   * A story told to the waiting guard: what its own PostgreSQL says round after round, and the voters' positions by round.
   * Returns what was missing and which member was asked in which round.
   */
  const story = (given: {
    rounds: { mine: number; following: string[] }[];
    reach: Record<string, number[]>;
    leader?: ("down" | "up" | "refused" | "silent")[];
  }) =>
    python<{ missing: string; asked: [string, number][]; seconds: number }>(
      `${prelude}
import time
at, asked = -1, []
def local_view(_):
    global at
    at += 1
    now = given["rounds"][min(at, len(given["rounds"]) - 1)]
    return now["mine"], set(now["following"])
def position(name):
    asked.append([name, at])
    reach = given["reach"][name]
    return reach[min(at, len(reach) - 1)]
def ask_patroni(_):
    leader = given.get("leader") or ["refused"]
    now = leader[min(at, len(leader) - 1)]
    if now == "silent": time.sleep(1)
    if now in ("silent", "refused"): raise OSError(now)
    return {"state": "running", "xlog": {"location": 9}} if now == "up" else {"state": "stopped"}
class Connection:
    autocommit = False
    def cursor(self): return None
    def close(self): pass
guard.psycopg2.connect = lambda **_: Connection()
guard.local_view, guard.position, guard.ask_patroni = local_view, position, ask_patroni
began = time.monotonic()
missing = guard.wait(race("b", ${JSON.stringify(three)}), {name: name for name in "abc"}, 0.6)
result = {"missing": missing, "asked": asked, "seconds": time.monotonic() - began}
import os
print(json.dumps(result), flush=True)
os._exit(0)`,
      given,
    );

  it("waits for a voter that is slow to leave the old leader, and takes no position from before", () => {
    const { missing, asked } = story({
      rounds: [
        { mine: 10, following: [] },
        { mine: 10, following: [] },
        { mine: 10, following: [] },
        { mine: 10, following: ["c"] },
      ],
      reach: { c: [10] },
    });
    assert.equal(missing, "");
    assert.ok(asked.length > 0 && asked.every(([name, at]) => name === "c" && at >= 3), JSON.stringify(asked));
  });

  it("gives up on a voter that has more, and says so", () => {
    const { missing } = story({ rounds: [{ mine: 10, following: ["c"] }], reach: { c: [11] } });
    assert.match(
      missing,
      /^1 of a, c must stream from here and be no further than 10; streaming: c; positions: {'c': 11}/,
    );
  });

  it("goes on when its own WAL receiver has caught up with the voter", () => {
    const rounds = [10, 10, 11].map((mine) => ({ mine, following: ["c"] }));
    assert.equal(story({ rounds, reach: { c: [11] } }).missing, "");
  });

  it("needs nobody to stream from here once the old leader says that it is down, as at a planned switchover", () => {
    const { missing, asked } = story({
      rounds: [{ mine: 10, following: [] }],
      reach: { a: [], c: [10] },
      leader: ["down"],
    });
    assert.equal(missing, "");
    assert.deepEqual([...new Set(asked.map(([name]) => name))].sort(), ["a", "c"]);
  });

  it("takes an old leader's silence for nothing", () => {
    const { missing, asked } = story({
      rounds: [{ mine: 10, following: [] }],
      reach: { c: [10] },
      leader: ["up", "refused"],
    });
    assert.match(missing, /streaming: none/);
    assert.deepEqual(asked, []);
  });

  const streaming = { rounds: [{ mine: 10, following: ["c"] }], reach: { c: [10] } };

  it("does not depose a leader that lives, which its key was taken from by mistake", () => {
    assert.equal(story({ ...streaming, leader: ["up"] }).missing, "a lives and leads");
  });

  it("waits for one that is about to stop", () => {
    assert.equal(story({ ...streaming, leader: ["up", "up", "up", "down"] }).missing, "");
  });

  it("gives one that may live a moment to say so, and no more", () => {
    const { missing, seconds } = story({ ...streaming, leader: ["silent"] });
    assert.equal(missing, "");
    assert.ok(seconds >= 0.3 && seconds < 0.5, String(seconds));
    assert.ok(story({ ...streaming, leader: ["refused"] }).seconds < 0.25);
  });
});

describe("pre-promote.sh", () => {
  const folder = temporaryFolder();

  /** What Patroni gets of it when the service answers so; null: nobody listens. The guard by itself says what it is told. */
  const asked = (answer: "yes" | "no" | "broken" | null, alone: number) => {
    const socket = join(folder(), "socket");
    const judge = {
      yes: 'return True, "all here"',
      no: 'return False, "guard: not promoted"',
      broken: 'raise KeyError("name")',
    };
    const script = readFileSync(join(__dirname, "../../../../cloud-init/services/guard/pre-promote.sh"), "utf8")
      .replaceAll("/run/pgha-guard/socket", socket)
      .replaceAll("/usr/local/lib/pgha/guard.py", join(folder(), "alone"));
    writeFileSync(join(folder(), "alone"), `#!/bin/bash\necho alone >&2\nexit ${alone}\n`, { mode: 0o755 });
    writeFileSync(join(folder(), "pre-promote"), script, { mode: 0o755 });
    return python<[number, string]>(
      `
import guard, subprocess, threading, time, os
def judge():
    ${answer ? judge[answer] : "pass"}
guard.judge = judge
if ${answer ? "True" : "False"}:
    threading.Thread(target=guard.serve, args=(given[0],), daemon=True).start()
    while not os.path.exists(given[0]): time.sleep(0.01)
ran = subprocess.run([given[1]], capture_output=True, text=True)
os.path.exists(given[0]) and os.unlink(given[0])
result = [ran.returncode, ran.stderr]`,
      [socket, join(folder(), "pre-promote")],
    );
  };

  it("lets Patroni go on only when the guard says so", () => {
    assert.deepEqual(asked("yes", 1), [0, "all here\n"]);
    const [code, said] = asked("no", 0);
    assert.deepEqual([code, said], [1, "guard: not promoted\n"]);
    const line = { at: 0, node: "postgresql2", unit: "patroni", text: said.trim() };
    assert.equal(meaningOf(line)?.text, "the guard: not promoted");
  });

  it("takes a guard that fails for a no", () => {
    assert.deepEqual(asked("broken", 0), [1, "guard: not promoted: KeyError('name')\n"]);
  });

  it("runs the guard by itself where the service does not answer", () => {
    assert.deepEqual(asked(null, 0), [0, "alone\n"]);
    assert.deepEqual(asked(null, 1), [1, "alone\n"]);
  });
});

describe("the guard and etcd", () => {
  const folder = temporaryFolder();
  const etcd = ownEtcd(folder);

  const sealed = (code: string) =>
    python<unknown>(
      `import guard
from etcd_gateway import Etcd, put, unchanged, delete
etcd = Etcd([given], None)
prefix = "/service/x/"
etcd.txn([], [put(prefix + "leader", "b"), put(prefix + "sync", '{"leader": "a", "sync_standby": "b,c", "quorum": 1}')])
${code}`,
      etcd().endpoint,
    );

  it("seals /sync: an old leader that goes on cannot change it on the ground of what it has read", () => {
    const [before, same, late, seen] = sealed(`
read = etcd.get(prefix + "sync")
sync = guard.seal(etcd, prefix, "b").sync
late = etcd.txn([unchanged(prefix + "sync", read)], [put(prefix + "sync", "{}")])
result = [read.value, etcd.get(prefix + "sync").value == read.value, late, [sync.leader, sorted(sync.voters), sync.quorum]]`) as unknown[];
    assert.match(before as string, /"a"/);
    assert.deepEqual([same, late, seen], [true, false, ["a", ["b", "c"], 1]]);
  });

  it("does nothing for a node that does not hold the leader key", () => {
    const refused = sealed(`
before = etcd.get(prefix + "sync")
try: guard.seal(etcd, prefix, "c"); result = None
except PermissionError as error: result = [str(error), etcd.get(prefix + "sync") == before]`);
    assert.deepEqual(refused, ["this node does not hold the leader key any more", true]);
  });

  it("knows an asynchronous cluster by its missing or empty /sync", () => {
    const found = sealed(`
etcd.txn([], [put(prefix + "sync", "{}")])
result = [guard.seal(etcd, prefix, "b")]
etcd.txn([], [delete(prefix + "sync")])
result.append(guard.seal(etcd, prefix, "b"))`);
    assert.deepEqual(found, [null, null]);
  });
});
