import assert from "node:assert/strict";
import { meaningOf } from "../../../../ops/drill/log-rules";
import { nodeFiles } from "../../../../cloud-init/node-files";
import { bash, temporaryFolder } from "../../support/bash";
import { ownEtcd } from "../../support/etcd";
import { python } from "../../support/python";
import { faultsOf, plan } from "../../support/settings";
import { reactionsInBash } from "../../../../cloud-init/reactions";

const filesOf = (raw: Record<string, unknown>, node = 0) => {
  const made = plan(raw);
  return nodeFiles(made, made.etcd[node]!);
};
const fileOf = (raw: Record<string, unknown>, path: string, node = 0) =>
  filesOf(raw, node).find((file) => file.path === path);

describe("the witness's files", () => {
  it("are none unless the clock has one", () => {
    for (const clock of ["fast", "classic"] as const)
      assert.deepEqual(
        filesOf({ clock })
          .map(({ path }) => path)
          .filter((path) => /witness|etcd_gateway/.test(path)),
        [],
      );
  });

  it("name the witnesses, the members and etcd, the member on the same machine first", () => {
    const config = JSON.parse(fileOf({ clock: "witnessed" }, "/etc/pgha/witness.json", 1)!.content) as unknown;
    assert.deepEqual(config, {
      scope: "pgha-dev",
      name: "etcd2",
      witnesses: ["etcd1", "etcd2", "etcd3"],
      etcd: ["10.88.0.12:2379", "10.88.0.11:2379", "10.88.0.13:2379"],
      members: { postgresql1: "10.88.0.21", postgresql2: "10.88.0.22", postgresql3: "10.88.0.23" },
      silence: 2,
      armed: true,
    });
  });

  it("make a dry run of it where the settings say so", () => {
    const { armed } = JSON.parse(
      fileOf({ clock: { preset: "witnessed", witnessArmed: 0 } }, "/etc/pgha/witness.json")!.content,
    ) as { armed: boolean };
    assert.equal(armed, false);
  });

  it("run as the user that may read the machine's key, and as nobody who may change anything", () => {
    const unit = fileOf({ clock: "witnessed" }, "/etc/systemd/system/pgha-witness.service")!.content;
    assert.match(unit, /^User=pgha-witness$/m);
    assert.match(unit, /^CapabilityBoundingSet=$/m);
  });

  it("are refused where they would not be safe", () => {
    const refusals = [
      { nodes: { etcd: 1 } },
      { postgresql: { synchronous: "off" } },
      { postgresql: { strict: false } },
    ].map((raw) => faultsOf({ clock: "witnessed", ...raw }).map(({ path, fault }) => `${path} ${fault}`));
    assert.deepEqual(refusals, [
      [
        "clock.witness is on, but two of three independent witnesses must agree; write 0 (preset fast), or nodes.etcd: 3",
      ],
      [
        "clock.witness is on, but the old leader could acknowledge commits alone; write 0 (preset fast), or postgresql.synchronous: quorum and strict: true",
      ],
      [
        "clock.witness is on, but the old leader could acknowledge commits alone; write 0 (preset fast), or postgresql.synchronous: quorum and strict: true",
      ],
    ]);
    assert.match(faultsOf({ clock: { preset: "witnessed", witness: 1 } })[0]!.fault, /^is 1 s, .* write 2 or more/);
  });
});

describe("the converge step and the witness", () => {
  const folder = temporaryFolder();

  /** What the step tells systemd. @param staged, installed is there a unit of a witness @param changed paths that differ */
  const told = (staged: boolean, installed: boolean, changed: string[]) => {
    const { code, stdout, stderr } = bash(
      `set -euo pipefail
       NODE=etcd1 CLUSTER=test ADDRESS=10.9.9.9 ETCD_ENDPOINTS=
       mktemp() { command mktemp -d "$FOLDER/XXXXXX"; }
       ${reactionsInBash("etcd")}
       source cloud-init/converge/common.sh; source cloud-init/converge/etcd.sh
       systemctl() { echo "$*"; }
       outdated() { return 1; }
       units=$FOLDER
       witness_unit=$units/pgha-witness.service
       rm -f "$witness_unit"
       ${installed ? 'touch "$witness_unit"' : ""}
       ${staged ? "owner[$witness_unit]=root:root" : ""}
       for path in ${changed.join(" ")}; do changed[$path]=1; done
       converge_witness
       [[ -e $witness_unit ]] && echo installed || echo none`,
      { env: { FOLDER: folder() } },
    );
    assert.equal(code, 0, stderr);
    return stdout.trim().split("\n");
  };
  const started = ["enable --quiet --no-reload pgha-witness", "start pgha-witness"];

  it("starts it, and restarts it when anything that it reads has changed", () => {
    const programs = "/usr/local/lib/pgha";
    for (const path of [
      `${programs}/witness.py`,
      `${programs}/etcd_gateway.py`,
      "/etc/pgha/witness.json",
      "/etc/pgha/tls/node.crt",
    ])
      assert.deepEqual(told(true, true, [path]), ["restart pgha-witness", ...started, "installed"], path);
    assert.deepEqual(told(true, true, ["/etc/etcd/etcd.yml"]), [...started, "installed"]);
  });

  it("takes it away when the settings have none any more", () => {
    assert.deepEqual(told(false, true, []), [
      "disable --quiet --now pgha-witness",
      "daemon-reload",
      "etcd1: pgha-witness is off",
      "none",
    ]);
    assert.deepEqual(told(false, false, []), ["none"]);
  });
});

interface Look {
  tenure?: number;
  left: number;
  answered?: boolean;
  /** Positions of the voters that answered. */
  at?: Record<string, number>;
  failsafe?: boolean;
  veto?: string;
}

/** A look at a leader whose machine has just lost power. */
const gone = (left: number, rest: Partial<Look> = {}): Look => ({
  left,
  answered: false,
  at: { b: 10, c: 10 },
  ...rest,
});
const dead = [gone(18), gone(17), gone(17)];

// [what, looks in a row, why the last of them frees nothing; empty: it does]
const stories: [string, Look[], RegExp | ""][] = [
  ["power-off: silent three times, standbys hear nothing, 2 s without a renewal", dead, ""],
  ["the same, seen twice only", dead.slice(0, 2), /silent 2 of 3/],
  ["silence before the key is even late", [gone(19), gone(19), gone(19)], /the key was renewed/],
  [
    "slow leader under full load: one answer in three",
    [gone(18), { left: 17, answered: true }, gone(17)],
    /silent 1 of 3/,
  ],
  ["slow leader that renews just in time", [gone(18), gone(17), gone(19), gone(18)], /silent 1 of 3/],
  ["silent three times within 2 s of the last renewal", [gone(18), gone(18), gone(18)], /renewed less than 2 s ago/],
  ["Patroni frozen, PostgreSQL answers", [{ left: 18 }, { left: 17 }, { left: 16 }, { left: 9 }], /the leader answers/],
  ["paused VM that wakes up", [gone(18), gone(17), { left: 17, answered: true }], /the leader answers/],
  [
    "cut from the witnesses only: standbys still receive",
    [gone(18), gone(17, { at: { b: 10, c: 10 } }), gone(17, { at: { b: 10, c: 12 } })],
    /c still receives/,
  ],
  [
    "the same while nobody writes, with failsafe",
    [gone(18), gone(17), gone(17, { failsafe: true })],
    /goes on without etcd/,
  ],
  [
    "cut off with all its standbys: nobody could take over",
    dead.map((look) => ({ ...look, at: {} })),
    /no voter has said twice/,
  ],
  [
    "a standby that answers once only",
    [gone(18, { at: {} }), gone(17, { at: {} }), gone(17)],
    /no voter has said twice/,
  ],
  ["and again", [gone(18, { at: {} }), gone(17, { at: {} }), gone(17), gone(17)], ""],
  ["one standby is down too", dead.map((look) => ({ ...look, at: { c: 10 } })), ""],
  [
    "a switchover begins meanwhile",
    [gone(18), gone(17), gone(17, { veto: "a switchover is under way" })],
    /switchover/,
  ],
  ["another tenure begins meanwhile", [gone(18), gone(17), gone(17, { tenure: 8 })], /silent 1 of 3/],
  ["new etcd leader: every lease begins again", [gone(18), gone(17), gone(20), gone(19), gone(18)], /silent 1 of 3/],
  ["the lease has run out by itself", [gone(2), gone(1), gone(-1)], /already dying/],
];

interface Keys {
  leader: string;
  sync: string;
  config: string;
  failover: string;
  [member: string]: string;
}
const healthy: Keys = {
  leader: "a",
  sync: JSON.stringify({ leader: "a", sync_standby: "b,c", quorum: 1 }),
  config: JSON.stringify({ synchronous_mode: "quorum", synchronous_mode_strict: true, ttl: 20 }),
  failover: "{}",
  "members/a": JSON.stringify({ conn_url: "postgres://a", api_url: "https://a:8008/patroni", state: "running" }),
};
const config = (changes: object) => JSON.stringify({ ...(JSON.parse(healthy.config) as object), ...changes });

// [what, keys of the cluster that differ (null: missing), has a key been freed just now, why hands are kept off]
const states: [string, Partial<Record<keyof Keys, string | null>>, boolean, RegExp | ""][] = [
  ["a healthy cluster", {}, false, ""],
  ["no failover key at all", { failover: null }, false, ""],
  ["nobody leads", { leader: null }, false, /nobody holds/],
  ["pause", { config: config({ pause: true }) }, false, /paused/],
  ["asynchronous", { config: config({ synchronous_mode: false }) }, false, /no strict quorum mode/],
  ["not strict", { config: config({ synchronous_mode_strict: false }) }, false, /no strict quorum mode/],
  ["no configuration", { config: null }, false, /no strict quorum mode/],
  ["switchover or failover under way", { failover: '{"leader":"a"}' }, false, /switchover/],
  ["a leader that has not settled its quorum", { leader: "b" }, false, /not settled/],
  ["a leader without voters", { sync: '{"leader":"a","sync_standby":null,"quorum":0}' }, false, /no voters/],
  ["a key freed just now", {}, true, /freed less than 30 s ago/],
];

describe("a witness", () => {
  let judged: string[];
  let vetoes: string[];
  before(() => {
    [judged, vetoes] = python<[string[], string[]]>(
      `
import witness as w
def story(looks):
    suspicion = w.Suspicion()
    for l in looks:
        standbys = {name: w.Standby(reach, bool(l.get("failsafe"))) for name, reach in (l.get("at") or {}).items()}
        look = w.Look(l.get("tenure", 7), l["left"], 20, l.get("answered", True), standbys, l.get("veto", ""))
        suspicion, why_not = w.judge(suspicion, look, 2)
    return why_not
def keys(values): return {name: w.Entry(value, 1) for name, value in values.items() if value is not None}
result = [[story(each) for each in given[0]], [w.veto(keys(values), cooling) for values, cooling in given[1]]]`,
      [stories.map(([, looks]) => looks), states.map(([, keys, cooling]) => [{ ...healthy, ...keys }, cooling])],
    );
  });

  const meets = (found: string, expected: RegExp | "") =>
    expected === "" ? assert.equal(found, "") : assert.match(found, expected);
  for (const [index, [what, , expected]] of stories.entries())
    it(`${expected ? "spares" : "frees"} the leader: ${what}`, () => meets(judged[index]!, expected));
  for (const [index, [what, , , expected]] of states.entries())
    it(`${expected ? "keeps its hands off" : "may act"}: ${what}`, () => meets(vetoes[index]!, expected));

  it("needs a majority that means the same tenure, and knows whom it counts", () => {
    const agreed = python<string[][]>(
      `
import witness as w
entry = lambda value: w.Entry(value, 1)
result = [w.agreeing({name: entry(value) for name, value in each.items()}, 7, ["x", "y", "z"]) for each in given]`,
      [{}, { x: "7" }, { x: "7", y: "8" }, { x: "7", stranger: "7" }, { x: "7", z: "7" }, { x: "7", y: "7", z: "7" }],
    );
    assert.deepEqual(agreed, [[], [], [], [], ["x", "z"], ["x", "y", "z"]]);
  });
});

describe("witnesses and etcd", () => {
  const folder = temporaryFolder();
  const etcd = ownEtcd(folder);

  /** Witnesses x, y, z of a cluster whose leader `a` has a lease of 20 s. What they ask machines is answered by the test. */
  const scene = <T>(code: string) =>
    python<T>(
      `
import witness as w, ssl, time
from etcd_gateway import Etcd, put, delete, encode
endpoint, healthy = given
etcd = Etcd([endpoint], None)
prefix, own = "/service/s/", "/pgha/s/witness/"
for key in [*etcd.under("/service/"), ]: etcd.txn([], [delete("/service/" + key)])
for key in [*etcd.under("/pgha/")]: etcd.txn([], [delete("/pgha/" + key)])
lease = etcd.grant(20)
etcd.txn([], [put(prefix + key, value, lease if key in ("leader", "members/a") else 0) for key, value in healthy.items()])
renew = lambda: etcd.call("/v3/lease/keepalive", {"ID": str(lease)})

said = []
class Fake(w.Witness):
    """Sees a leader whose lease has 'left' seconds left and whose machines answer 'answers'."""
    def __init__(self, name, armed=True):
        config = {"scope": "s", "name": name, "witnesses": ["x", "y", "z"], "silence": 2, "armed": armed,
            "members": {"a": "a", "b": "b", "c": "c"}}
        super().__init__(config, Etcd([endpoint], None), ssl.create_default_context())
        self.name, self.left = name, 17
        running = {"state": "running", "xlog": {"received_location": 10}}
        self.answers = {"standby b": running, "standby c": running}
        self._etcd.seconds_left = lambda _: (self.left, 20)
    def _ask(self, questions): return {key: self.answers[key] for key in questions if key in self.answers}
    def say(self, text): said.append(f"{self.name}: {text}")
    def rounds(self, count):
        for _ in range(count): self.round()
        return self
value = lambda key: (etcd.get(key) or w.Entry(None, 0)).value
${code}`,
      [etcd().endpoint, healthy],
    );

  it("free the key once two of three say so, and leave the rest of it to Patroni", () => {
    const [alone, together, member, freed, said] = scene<[string, null, string, string, string[]]>(`
x, y = Fake("x").rounds(4), Fake("y")
alone = value(prefix + "leader")
y.rounds(3)
result = [alone, value(prefix + "leader"), value(prefix + "members/a"), value(own + "freed"), said[-1:]]`);
    assert.deepEqual([alone, together], ["a", null]);
    assert.deepEqual(JSON.parse(member), { conn_url: "postgres://a", state: "running" });
    assert.match(freed, /^a \d+$/);
    assert.deepEqual(said, ["y: a is gone, say x, y: freed the leader key"]);
    const line = { at: 0, node: "etcd2", unit: "pgha-witness", text: said[0]!.slice("y: ".length) };
    assert.deepEqual(meaningOf(line), {
      layer: "patroni",
      step: "lock-free",
      text: "freed the leader key: a is gone, say x, y",
    });
  });

  it("free nothing in a dry run, and say what they would", () => {
    const [leader, said] = scene<[string, string]>(`
Fake("x", False).rounds(3); Fake("y", False).rounds(3)
result = [value(prefix + "leader"), said[-1]]`);
    assert.deepEqual([leader, said], ["a", "y: a is gone, say x, y; dry run: its key stays"]);
  });

  it("disagree: one that still hears the leader has no say for the others, nor they without it", () => {
    const [leader, verdicts] = scene<[string, string[]]>(`
x, y = Fake("x"), Fake("y")
y.answers["sql"] = None
for _ in range(5): x.round(); y.round()
result = [value(prefix + "leader"), sorted(etcd.under(own + "verdict/"))]`);
    assert.deepEqual([leader, verdicts], ["a", ["x"]]);
  });

  it("say nothing when they were themselves held up, in a look or between two", () => {
    const [slow, paused, well] = scene<string[][]>(`
verdicts = lambda: sorted(etcd.under(own + "verdict/"))
x, y = Fake("x"), Fake("y")
ask = x._ask
def late(questions):
    time.sleep(0.75)
    return ask(questions)
x._ask = late
x.rounds(4)
slow = verdicts()
for _ in range(4):
    time.sleep(1)
    y.round()
paused = verdicts()
Fake("z").rounds(3)
result = [slow, paused, verdicts()]`);
    assert.deepEqual([slow, paused, well], [[], [], ["z"]]);
  });

  it("take their word back at the first sign of life, and it dies with them", () => {
    const [before, after, dead] = scene<[string[], string[], string[]]>(`
x = Fake("x").rounds(3)
before = sorted(etcd.under(own + "verdict/"))
x.answers["rest"] = None
x.round()
after = sorted(etcd.under(own + "verdict/"))
Fake("z").rounds(3)
time.sleep(3.5)
result = [before, after, sorted(etcd.under(own + "verdict/"))]`);
    assert.deepEqual([before, after, dead], [["x"], [], []]);
  });

  it("free no key of another tenure, and none while anything else they judged by has changed", () => {
    const outcomes = scene<Record<string, boolean>>(`
def attempt(change):
    keys = etcd.under(prefix)
    mod = keys["leader"].mod
    etcd.txn([], [put(own + "verdict/" + name, str(mod)) for name in "xy"])
    change()
    return etcd.txn(*w.freeing(prefix, own, keys, ["x", "y"], etcd.grant(30)))
other = etcd.grant(20)
again = lambda key, lease=0: etcd.txn([], [put(prefix + key, healthy[key], lease)])
result = {
    "taken again by the same node": attempt(lambda: again("leader", lease)),
    "taken by another": attempt(lambda: etcd.txn([], [put(prefix + "leader", "b", other)])),
    "gone": attempt(lambda: etcd.txn([], [delete(prefix + "leader")])) if again("leader", lease) else None,
    "other lease": attempt(lambda: again("leader", other)) if again("leader", lease) else None,
    "quorum changed": attempt(lambda: again("sync")) if again("leader", lease) else None,
    "paused": attempt(lambda: again("config")),
    "switchover": attempt(lambda: etcd.txn([], [put(prefix + "failover", '{"leader":"a"}')])),
    "a verdict taken back": attempt(lambda: etcd.txn([], [delete(own + "verdict/y")])),
    "a verdict on another tenure": attempt(lambda: etcd.txn([], [put(own + "verdict/y", "1")])),
    "freed just now": attempt(lambda: etcd.txn([], [put(own + "freed", "a 1")])),
}
etcd.txn([], [delete(own + "freed")])
result["nothing has changed"] = attempt(lambda: None)
`);
    const { "nothing has changed": unchanged, ...changed } = outcomes;
    assert.deepEqual(
      Object.entries(changed).filter(([, freed]) => freed),
      [],
    );
    assert.equal(unchanged, true);
  });

  it("a renewed key is not late by etcd's own clock, whose lease they read", () => {
    const [fresh, late, renewed] = scene<[boolean, boolean, boolean]>(`
fresh = w.is_late(*etcd.seconds_left(lease))
time.sleep(1.3)
late = w.is_late(*etcd.seconds_left(lease))
renew()
result = [fresh, late, w.is_late(*etcd.seconds_left(lease))]`);
    assert.deepEqual([fresh, late, renewed], [false, true, false]);
  });

  it("free one key in 30 s at most, so that an old leader that lives has noticed the first time", () => {
    const [leader, said] = scene<[string, string]>(`
Fake("x").rounds(3); Fake("y").rounds(3)
etcd.txn([], [put(prefix + "leader", "a", lease)])
Fake("x").rounds(4); Fake("y").rounds(4)
result = [value(prefix + "leader"), said[-1]]`);
    assert.equal(leader, "a");
    assert.match(said, /a key was freed less than 30 s ago$/);
  });
});
