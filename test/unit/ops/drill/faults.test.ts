import assert from "node:assert/strict";
import { clocks } from "../../../../settings/clocks";
import type { NodeOutput } from "../../../../components/outputs";
import { nodesOf } from "../../../../ops/cluster";
import { faultNamed, faults } from "../../../../ops/drill/faults";
import { cutScript } from "../../../../ops/drill/cut";
import { healScript } from "../../../../ops/drill/heal";
import type { World } from "../../../../ops/drill/world";
import { OpsError } from "../../../../ops/errors";
import { fakeReached } from "../../support/ops-fixture";
import { shellcheck } from "../../support/shellcheck";

/** What the issue wants tested, by the names that go into reports. */
const wanted = [
  ["switchover", "change-setting", "reboot-leader", "kill-postmaster", "kill-backend", "kill-patroni"],
  ["freeze-patroni", "freeze-postmaster", "freeze-postgresql"],
  ["stop-leader", "power-off-leader", "power-off-standby", "power-off-proxy", "kill-haproxy", "kill-pgbouncer"],
  ["cut-leader", "cut-leader-from-etcd", "cut-leader-from-standbys", "cut-leader-to-etcd", "cut-standbys-to-leader"],
  ["power-off-etcd", "power-off-etcd-leader", "kill-etcd-all", "disk-full-leader", "clock-jump"],
  ["pause-leader", "pause-leader-briefly", "burn-leader", "cut-etcd-leader"],
  ["power-off-leader-and-etcd-leader", "cut-standbys-then-power-off", "witnesses-disagree", "witnesses-outvoted"],
].flat();

/** A world where postgresql2 leads the cluster and etcd1 leads etcd; it notes what is done in it. */
function notingWorld(): World & { done: string[] } {
  const reached = fakeReached(() => "");
  const nodes = (role: NodeOutput["role"]) => nodesOf(reached.cluster, role);
  const done: string[] = [];
  const note = (what: string) => (node: NodeOutput) => Promise.resolve(void done.push(`${what} ${node.name}`));
  return {
    reached,
    done,
    power: {
      cannot: () => undefined,
      off: note("off"),
      stop: note("stop"),
      freeze: note("freeze"),
      on: () => Promise.resolve([]),
      restrictDisk: note("restrict"),
      restoreDisk: () => Promise.resolve([]),
    },
    clock: clocks.fast,
    random: () => 0,
    leader: () => Promise.resolve(nodes("postgresql")[1]!),
    standbys: () => Promise.resolve([nodes("postgresql")[2]!, nodes("postgresql")[0]!]),
    etcdLeader: () => Promise.resolve(nodes("etcd")[0]!),
    on(node, script) {
      done.push(`${node.name}: ${script}`);
      return Promise.resolve("");
    },
  };
}

/** A script on standard input. */
const bash = ["--shell=bash", "-"];

describe("drill faults", () => {
  const injected = new Map<string, { targets: string[]; done: string[] }>();
  before(async function () {
    this.timeout(10_000); // one of them waits for 3 s between its two blows
    const byItself = faults.filter(({ name }) => !["switchover", "change-setting"].includes(name));
    await Promise.all(
      byItself.map(async (fault) => {
        const world = notingWorld();
        const { targets } = await fault.inject(world);
        injected.set(fault.name, { targets, done: world.done });
      }),
    );
  });

  it("are those that were promised", () => assert.deepEqual(faults.map(({ name }) => name).sort(), [...wanted].sort()));

  it("say on every clock what to expect, and last a bounded time", () => {
    for (const fault of faults) {
      for (const clock of Object.values(clocks)) {
        for (const synchronous of ["quorum", "off"] as const)
          assert.match(fault.expects(clock, synchronous), /^[A-Za-z][^\n]{20,}[^.]\.$/, fault.name);
        assert.ok(fault.hold(clock) >= 0 && fault.hold(clock) <= 90, fault.name);
      }
    }
  });

  it("that replace a silent leader last longer than its key lives", () => {
    for (const name of ["freeze-patroni", "power-off-leader", "cut-leader", "cut-standbys-then-power-off"])
      for (const clock of Object.values(clocks)) assert.ok(faultNamed(name).hold(clock) > clock.ttl, name);
  });

  it("an unknown one is refused", () => assert.throws(() => faultNamed("flood"), OpsError));

  const targets: Record<string, string[]> = {
    "kill-postmaster": ["postgresql2"],
    "power-off-leader": ["postgresql2"],
    "power-off-standby": ["postgresql3"],
    "power-off-proxy": ["haproxy1"],
    "power-off-etcd": ["etcd2"],
    "power-off-etcd-leader": ["etcd1"],
    "kill-etcd-all": ["etcd1", "etcd2", "etcd3"],
    "power-off-leader-and-etcd-leader": ["postgresql2", "etcd1"],
  };
  for (const [name, expected] of Object.entries(targets))
    it(`${name} hits ${expected.join(" and ")}`, () => assert.deepEqual(injected.get(name)!.targets, expected));

  it("machines lose their power without a word before it", () => {
    assert.deepEqual(injected.get("power-off-leader")!.done, ["off postgresql2"]);
    assert.deepEqual(injected.get("stop-leader")!.done, ["stop postgresql2"]);
  });

  it("the leader loses its standbys first, then its power", () => {
    const [cut, off] = injected.get("cut-standbys-then-power-off")!.done;
    assert.match(cut!, /^postgresql2: [^]*ip daddr \{ 10\.88\.0\.21, 10\.88\.0\.23 \} drop/);
    assert.equal(off, "off postgresql2");
  });

  it("have shell that shellcheck has nothing against", () => {
    const scripts = [...injected.values()].flatMap(({ done }) => done).filter((line) => /^\w+: /.test(line));
    assert.ok(scripts.length >= 14, String(scripts.length));
    for (const script of new Set(scripts.map((line) => line.replace(/^\w+: /, "")))) shellcheck(bash, script);
    for (const role of ["etcd", "postgresql", "haproxy"] as const) shellcheck(bash, healScript(role, clocks.fast));
  });

  describe("of the network", () => {
    const cuts = faults.map(({ name }) => name).filter((name) => name.startsWith("cut-"));

    it("let SSH through and repair themselves", () => {
      for (const name of cuts) {
        const [script = ""] = injected.get(name)!.done;
        assert.match(script, /chain input \{.*; tcp dport 22 accept; (ip saddr \{.*\} drop|drop|accept); \}\n/, name);
        assert.match(script, /chain output \{.*; tcp sport 22 accept; (ip daddr \{.*\} drop|drop|accept); \}\n/, name);
        assert.match(script, /systemd-run .*--on-active 600 nft delete table inet pgha_drill/);
      }
    });

    it("drop, and refuse nothing", () => {
      for (const name of cuts) assert.doesNotMatch(injected.get(name)!.done[0]!, /reject/);
    });

    it("one way drop one way only", () => {
      const chains = (name: string) =>
        injected
          .get(name)!
          .done[0]!.match(/chain (input|output) .*/g)!
          .map((line) => / drop;/.test(line));
      assert.deepEqual(chains("cut-leader"), [true, true]);
      assert.deepEqual(chains("cut-leader-to-etcd"), [false, true]);
      assert.deepEqual(chains("cut-standbys-to-leader"), [true, false]);
    });

    it("let witnesses ask, and nothing else, when they are to disagree", () => {
      const answers = (addresses: string) => [
        `ip saddr { ${addresses} } tcp dport { 5432, 8008 } accept; drop; }`,
        `ip daddr { ${addresses} } tcp sport { 5432, 8008 } accept; drop; }`,
      ];
      for (const [name, addresses] of [
        ["witnesses-disagree", "10.88.0.11"],
        ["witnesses-outvoted", "10.88.0.12, 10.88.0.13"],
      ] as const)
        for (const rule of answers(addresses))
          assert.ok(injected.get(name)!.done[0]!.includes(rule), `${name}: ${rule}`);
    });

    it("leave no rule without addresses", () => assert.doesNotMatch(cutScript({ from: [], to: [] }), /\{ *\}/));
  });

  describe("that cannot be injected here say why", () => {
    const reasonOf = (name: string, change: (world: World) => void, answer = "none") => {
      const world = notingWorld();
      world.on = () => Promise.resolve(answer);
      change(world);
      return faultNamed(name).needs!(world);
    };

    it("without power over the machines", async () => {
      const takes: [RegExp, string][] = [
        [/power-off/, "off"],
        [/stop-leader/, "stop"],
        [/pause-leader/, "freeze"],
        [/disk-full/, "restrictDisk"],
      ];
      for (const { name, needs } of faults) {
        const action = takes.find(([pattern]) => pattern.test(name))?.[1];
        if (!action) continue;
        assert.ok(needs, name);
        assert.equal(await reasonOf(name, () => undefined), undefined, name);
        const cannot = (asked: string) => (asked === action ? `no ${action}` : undefined);
        const why = await reasonOf(name, (world) => (world.power = { ...world.power, cannot }));
        assert.equal(why, `no ${action}`, name);
      }
    });

    it("with a single proxy", async () => {
      const why = await reasonOf("power-off-proxy", ({ reached: { cluster } }) => {
        cluster.nodes = cluster.nodes.filter(({ name }) => name !== "haproxy2");
      });
      assert.match(why!, /only one proxy/);
    });

    it("with witnesses that cannot disagree", async () => {
      const why = await reasonOf("witnesses-disagree", ({ reached: { cluster } }) => {
        cluster.nodes = cluster.nodes.filter(({ name }) => name !== "etcd3");
      });
      assert.match(why!, /three etcd machines/);
      assert.equal(await reasonOf("witnesses-outvoted", () => undefined), undefined);
    });

    it("in a container, whose clock is its host's", async () => {
      assert.match((await reasonOf("clock-jump", () => undefined, "lxc"))!, /containers \(lxc\)/);
      assert.equal(await reasonOf("clock-jump", () => undefined, "none"), undefined);
    });
  });
});
