/**
 * HAProxy of the machine image with the rendered configuration, before Patronis and PostgreSQLs that are played: whom it
 * takes for the leader, whose sessions it cuts, whom it lets wait. Needs what `npm run setup` makes.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { detectionWindow } from "../../settings/clocks";
import { homes } from "../../settings/homes";
import { lookupConnections, reservedConnections, silence } from "../../settings/limits";
import { ports } from "../../settings/ports";
import { until } from "../../simulator/stack";
import { plan as makePlan } from "../unit/support/settings";
import {
  HaproxyStage,
  lagging,
  onLoopback,
  primary,
  refused,
  replica,
  type ClientState,
} from "./support/haproxy-stage";

/** Seconds a connection is held here: longer than the 4 s that HAProxy gives a Lua program to compute. */
const hold = 5;
/** Clients' places at the leader; PgBouncer's beside them. */
const places = 2100;
const made = makePlan({
  clock: { preset: "fast", hold },
  nodes: { haproxy: 1 },
  pool: { maxClients: 2500 },
  postgresql: { maxConnections: places + 50 + lookupConnections + reservedConnections },
  machines: { postgresql: { memory: 8192 } },
});
const plan = onLoopback(made);
const { clock } = plan.settings;

/** Seconds until HAProxy has acted on a change: the checks' window, a connection's new try, and as much for a busy machine. */
const soon = (2 * (detectionWindow(clock) + clock.connectTimeout)) / 1000;
/** Seconds after which a change that is never acted on would have been. */
const aWhile = 2;

describe("HAProxy before a played cluster", function () {
  this.timeout(60_000);
  const stage = new HaproxyStage("pgha-haproxy-test", plan);
  const [one, two, three] = ["postgresql1", "postgresql2", "postgresql3"] as const;
  const { state, wait, says, run } = stage;
  const connect = (port?: number, from?: string) => stage.connect(port, from);

  /** A new client is served by this node. */
  async function serves(node: string, seconds = soon): Promise<string> {
    const name = await connect();
    assert.equal((await wait(name, "served", seconds))?.node, node);
    return name;
  }
  /** New clients come to be served by this node, and only one server is up. */
  async function settlesOn(node: string): Promise<void> {
    const deadline = Date.now() + 1000 * (soon + aWhile);
    for (;;) {
      const client = await wait(await connect(), "served", soon);
      if (client?.node === node && (await up()) === node) return;
      assert.ok(Date.now() < deadline, `${client?.node} serves, up: ${await up()}; expected ${node}`);
      await pause(50);
    }
  }
  const statistics = (awk: string) => run(`echo 'show stat' | socat - /run/haproxy/admin.sock | awk -F, '${awk}'`);
  const up = () => statistics('$1 == "leaders" && $2 != "BACKEND" && $18 ~ /^UP/ {print $2}');
  /** Seconds from a moment until this client's session was cut. */
  async function cut(name: string, since: number): Promise<number> {
    const ended = (await wait(name, "ended", soon + aWhile))?.ended;
    assert.ok(ended, "its session is cut");
    return ended - since;
  }
  const patroni = (node: string, is: "silent" | "down") => stage.do<number>("patroni_is", node, is);
  const postgresql = (node: string, is: "up" | "down") => stage.do<number>("postgresql_is", node, is);
  const systemctl = (verb: string) => run(`systemctl ${verb} haproxy`);

  /** Node one leads on timeline 1, the others follow. */
  async function scene(): Promise<void> {
    for (const node of [two, three]) await says(node, refused, replica);
    await says(one, 200, primary());
  }

  before(async () => {
    await stage.start();
    await systemctl("start");
  });
  after(() => stage.remove());

  beforeEach(async () => {
    await scene();
    await settlesOn(one);
  });

  it("sends nobody to a node that does not lead, whatever moment of its start it is", async () => {
    const storm = stage.do<Record<string, number>>("storm", ports.write, 1.5);
    await systemctl("restart");
    const served = await storm;
    assert.deepEqual(Object.keys(served), [one]);
    assert.ok(served[one]! > 50, `${served[one]} were served`);
  });

  describe("keeps the leader and its sessions when its Patroni", () => {
    const words: Record<string, () => Promise<number>> = {
      "is dead": () => patroni(one, "down"),
      "is frozen": () => patroni(one, "silent"),
      "was just started and does not hold the key yet": () => says(one, refused, primary()),
      "lets transactions end": () => says(one, 200, primary(1, "stopping")),
      "got no answer from PostgreSQL in time": () => says(one, 200, { state: "unknown", role: "primary" }),
      "says what is not JSON": () => says(one, refused, []),
    };
    for (const [what, happens] of Object.entries(words)) {
      it(what, async () => {
        const client = await serves(one);
        await happens();
        await pause(1000 * aWhile);
        assert.equal((await state(client)).ended, null);
        await serves(one, 0.2);
      });
    }
  });

  describe("keeps reads on a replica", () => {
    async function reads(node: string): Promise<string> {
      for (;;) {
        const client = await connect(ports.read);
        if ((await wait(client, "served", soon))?.node === node) return client;
      }
    }

    it("while its Patroni is away, as when it takes a new certificate; they end with its PostgreSQL", async () => {
      for (const is of ["silent", "down"] as const) {
        const client = await reads(two);
        await patroni(two, is);
        await pause(1000 * aWhile);
        assert.equal((await state(client)).ended, null);
        assert.ok(await reads(two), "new ones come");
      }
      const client = await reads(two);
      const since = await postgresql(two, "down");
      assert.ok((await cut(client, since)) < soon);
      await postgresql(two, "up");
    });

    it("that has come to lag too far behind; new ones go elsewhere, and come again when it keeps up", async () => {
      const client = await reads(two);
      await says(two, refused, lagging);
      await pause(1000 * soon);
      const source = await addressOf(two, { now: three });
      assert.equal((await state(client)).ended, null);
      await says(two, refused, replica);
      await settlesFor(source, two);
      assert.equal((await state(client)).ended, null);
    });

    it("when all lag, too, while new ones go to the leader", async () => {
      const client = await reads(two);
      for (const node of [two, three]) await says(node, refused, lagging);
      await settlesFor("127.2.0.1", one);
      assert.equal((await state(client)).ended, null);
    });

    it("until it is promoted, goes under, or its PostgreSQL starts anew", async () => {
      for (const [status, body] of [
        [200, primary(2)],
        [refused, { state: "stopped", role: "demoted" }],
        [refused, { state: "crashed", role: "replica" }],
        [refused, { state: "starting", role: "replica" }],
      ] as const) {
        for (const before of [replica, lagging]) {
          await says(two, refused, replica);
          const client = await reads(two);
          await says(two, refused, before);
          await pause(1000 * soon);
          const since = await says(two, status, body);
          assert.ok((await cut(client, since)) < soon, JSON.stringify(body));
        }
        await scene();
        await settlesOn(one);
      }
    });

    it("and sends none to one that comes back and does not keep up yet", async () => {
      const source = await addressOf(two);
      await says(two, refused, { state: "stopped", role: "replica" });
      await settlesFor(source, three);
      await says(two, refused, lagging);
      await pause(1000 * aWhile);
      assert.equal(await readsFrom(source), three);
      await says(two, refused, replica);
      await settlesFor(source, two);
    });

    /** Who serves reads from this address. */
    async function readsFrom(source: string): Promise<string | null | undefined> {
      return (await wait(await connect(ports.read, source), "served", soon))?.node;
    }
    async function settlesFor(source: string, node: string): Promise<void> {
      const deadline = Date.now() + 1000 * (soon + aWhile);
      for (let found; (found = await readsFrom(source)) !== node;)
        assert.ok(Date.now() < deadline, `${found} serves, not ${node}`);
    }
    /** An address from which reads go to this node by rights. @param now the node that they go to, as it is away */
    async function addressOf(node: string, { now = node } = {}): Promise<string> {
      const [source] = [...byRights].find(([, served]) => served === node) ?? assert.fail(`no address has ${node}`);
      await settlesFor(source, now);
      return source;
    }
    /** Who serves reads from each address while nothing is wrong. */
    const byRights = new Map<string, string>();
    before(async () => {
      await scene();
      await settlesFor("127.2.0.1", two).catch(() => settlesFor("127.2.0.1", three));
      for (let number = 1; number <= 40; number++)
        byRights.set(`127.3.0.${number}`, (await readsFrom(`127.3.0.${number}`))!);
    });

    it("by the client's address: always the same, a part of them each, and those of no other when one is lost", async () => {
      const now = async () => Promise.all([...byRights.keys()].map(readsFrom));
      const expected = [...byRights.values()];
      assert.deepEqual([...new Set(expected)].sort(), [two, three]);
      await systemctl("restart");
      await settlesOn(one);
      await pause(500);
      assert.deepEqual(await now(), expected);
      await postgresql(three, "down");
      await pause(1000 * soon);
      assert.deepEqual([...new Set(await now())], [two]);
      await postgresql(three, "up");
      await pause(1000 * soon);
      assert.deepEqual(await now(), expected);
    });
  });

  describe("has a home for each replica, at which PgBouncer meets it", () => {
    const [first, second] = homes(plan).map(({ port }) => port);
    /** Who serves there; null: nobody. */
    async function at(port: number): Promise<string | null | undefined> {
      const name = `home${++count}`;
      await stage.do("connect", name, port, 1, "127.0.0.1");
      const found = await wait(name, "served", soon);
      await stage.do("hang_up", name); // there are few places
      return found?.node;
    }
    let count = 0;
    const who = async () => Promise.all([at(first!), at(second!)]);
    async function become(expected: string[]): Promise<void> {
      const deadline = Date.now() + 1000 * (soon + aWhile);
      let found: unknown;
      while (String((found = await who())) !== String(expected))
        assert.ok(Date.now() < deadline, `${String(found)}, not ${String(expected)}`);
    }

    it("whoever leads", async () => {
      await become([three, two]);
      await says(one, refused, replica);
      await says(two, 200, primary(2));
      await become([one, three]);
      await says(two, refused, replica);
      await says(three, 200, primary(3));
      await become([one, two]);
    });

    it("or, when it is away, the same other one each time; the leader when none is left", async () => {
      await become([three, two]);
      await postgresql(two, "down");
      await become([three, three]);
      await postgresql(three, "down");
      await become([one, one]);
      await postgresql(two, "up");
      await become([two, two]);
      await postgresql(three, "up");
      await become([three, two]);
    });

    it("or, when it lags, the other one; the leader when both do", async () => {
      await become([three, two]);
      await says(two, refused, lagging);
      await become([three, three]);
      await says(three, refused, lagging);
      await become([one, one]);
    });
  });

  describe("takes the role away when the leader's Patroni says that PostgreSQL", () => {
    const words = {
      "is a replica": replica,
      "was demoted": { state: "stopped", role: "demoted" },
      "is starting": { state: "starting", role: "primary" },
    };
    for (const [what, body] of Object.entries(words)) {
      it(what, async () => {
        const client = await serves(one);
        const since = await says(one, refused, body);
        assert.ok((await cut(client, since)) < soon);
        const next = await connect();
        assert.equal(await wait(next, "served", 0.5), null, "is held");
        await says(one, 200, primary());
        assert.equal((await wait(next, "served", soon))?.node, one);
      });
    }
  });

  describe("follows another node that takes the role", () => {
    it("while the old leader's Patroni is frozen", async () => {
      const client = await serves(one);
      await patroni(one, "silent");
      const since = await says(two, 200, primary(2));
      while ((await wait(await connect(), "served", soon))?.node !== two) await pause(10);
      // The old leader's server may still be up.
      for (let n = 0; n < 20; n++) await serves(two);
      // A check of the old leader under way, and the one that confirms it, wait for the frozen Patroni.
      assert.ok((await cut(client, since)) < soon + 2);
      await serves(two, 0.2);
    });

    it("and no more the old one that still claims it, whose timeline is older", async () => {
      await says(two, 200, primary(2));
      await settlesOn(two);
      const client = await serves(two);
      await pause(1000 * aWhile);
      assert.equal((await state(client)).ended, null);
    });

    it("and comes from an older timeline when no leader is up: a recreated cluster", async () => {
      await says(one, 200, primary(7));
      await pause(1000 * soon);
      await postgresql(one, "down");
      await says(two, 200, primary(1));
      try {
        await settlesOn(two);
      } finally {
        await postgresql(one, "up");
      }
    });
  });

  describe("when the leader is about to stop", () => {
    /** As the gate says it. */
    const leaving = (node: string, until: number) =>
      stage.do(
        "run",
        `echo 'clear map virt@leaving; add map virt@leaving ${node} ${Math.round(until)}' | socat - /run/haproxy/admin.sock`,
      );

    it("holds whoever connects, leaves sessions alone, and goes on when the time is over", async () => {
      const client = await serves(one);
      await leaving(one, Date.now() + 1500);
      const late = await connect();
      assert.equal(await wait(late, "served", 0.7), null, "is held");
      assert.equal((await wait(late, "served", soon))?.node, one);
      assert.equal((await state(client)).ended, null);
    });

    it("serves them at once when another leads", async () => {
      await leaving(one, Date.now() + 60_000);
      const late = await connect();
      await says(one, refused, replica);
      const since = await says(two, 200, primary(2));
      const { node, served } = (await wait(late, "served", soon)) ?? assert.fail("not served");
      assert.equal(node, two);
      assert.ok(served! - since < soon);
    });
    after(() => leaving("nobody", 0));
  });

  describe("when PostgreSQL is killed", () => {
    afterEach(() => postgresql(one, "up"));

    it("holds whoever connects, and serves them as soon as it is back", async () => {
      await postgresql(one, "down");
      const early = await connect(); // the check has not noticed yet
      await pause(1000);
      const late = await connect();
      assert.equal(await wait(late, "served", 0.5), null);
      const since = await postgresql(one, "up");
      for (const client of [early, late]) {
        const { node, served } = (await wait(client, "served", soon)) ?? assert.fail("not served");
        assert.equal(node, one);
        assert.ok(served! - since < soon);
      }
    });

    it("serves whoever was held by the next leader", async () => {
      await postgresql(one, "down");
      const client = await connect();
      await pause(500);
      await says(one, refused, { state: "crashed", role: "primary" });
      await says(two, 200, primary(2));
      assert.equal((await wait(client, "served", soon))?.node, two);
    });

    it("holds readers, too, when no replica is left", async () => {
      for (const node of [two, three]) await says(node, refused, { state: "stopped", role: "demoted" });
      await postgresql(one, "down");
      await pause(1000);
      const client = await connect(ports.read);
      assert.equal(await wait(client, "served", 0.5), null);
      await postgresql(one, "up");
      assert.equal((await wait(client, "served", soon))?.node, one);
    });
  });

  /** Until one is gone nothing is dropped. */
  const vanishing = () =>
    run(`nft 'add table inet vanished; add chain inet vanished out { type filter hook output priority 0; }'`);
  const vanishes = (number: number) =>
    run(`nft add rule inet vanished out ip daddr ${plan.postgresql[number]!.address} drop`);
  /** Connections that nothing will ever wake again. */
  const stuck = () =>
    run("echo 'show sess' | socat - /run/haproxy/admin.sock | grep -v fe=GLOBAL | grep -c 'exp= ' || true");

  describe("when the leader's machine vanishes", () => {
    before(() => vanishing());
    afterEach(() => run("nft flush table inet vanished"));

    it("serves whoever connects meanwhile by the next leader, and none is stuck for ever", async () => {
      await serves(one);
      await vanishes(0);
      const clients = [];
      for (let n = 0; n < 60; n++) {
        clients.push(await connect());
        await pause(50);
      }
      await until("the leader to be down", soon, async () => (await up()) === "");
      await says(two, 200, primary(2));
      for (const client of clients) {
        const { node, ended } = (await wait(client, "served", soon + aWhile)) ?? (await state(client));
        assert.ok(node === two || ended, "is served or told, not forgotten");
      }
      await settlesOn(two);
      // One that has just begun has no end yet either.
      await until("none to be stuck", 5, async () => (await stuck()).trim() === "0");
    });
  });

  describe("when a replica's machine vanishes", () => {
    before(() => vanishing());
    afterEach(() => run("nft flush table inet vanished"));

    it("serves whoever connects meanwhile by another, and none is stuck for ever", async () => {
      const clients = [];
      await vanishes(2);
      for (let n = 1; n <= 60; n++) {
        clients.push(await connect(ports.read, `127.7.7.${n}`));
        await pause(50);
      }
      for (const client of clients) {
        const { node, ended } = (await wait(client, "served", soon + aWhile)) ?? (await state(client));
        assert.ok(node === two || node === three || ended, "is served or told, not forgotten");
      }
      await until("none to be stuck", 5, async () => (await stuck()).trim() === "0");
    });
  });

  describe("when a client's machine vanishes", () => {
    const gone = "127.9.9.9";
    afterEach(() => run("nft delete table inet gone"));
    const sessions = async () => Number(await statistics('$1 == "primary" && $2 == "BACKEND" {print $5}'));

    it("finds that out by TCP's keepalive, and keeps who is merely silent", async () => {
      const silent = await serves(one);
      const lost = await stage.connect(ports.write, gone);
      await wait(lost, "served", soon);
      const before = await sessions();
      await run(`nft 'add table inet gone; add chain inet gone out { type filter hook output priority 0; }
        add rule inet gone out ip daddr ${gone} drop; add rule inet gone out ip saddr ${gone} drop'`);
      // The first probe, three more a second apart, and as much for a busy machine.
      const deadline = Date.now() + 2 * (clock.peerTimeout / 2 + 4000);
      while ((await sessions()) !== before - 1) {
        assert.ok(Date.now() < deadline, `${await sessions()} sessions of ${before}`);
        await pause(100);
      }
      assert.equal((await state(silent)).ended, null);
    });
  });

  describe("while nobody leads", () => {
    beforeEach(async () => {
      await says(one, refused, replica);
      const client = await connect();
      await pause(1000);
      await stage.do("hang_up", client);
    });

    it("holds for as long as the clock says, and no longer", async () => {
      const since = await stage.do<number>("now");
      const { ended, node } = (await wait(await connect(), "ended", hold + 2)) ?? assert.fail("held for ever");
      assert.equal(node, null);
      assert.ok(Math.abs(ended! - since - hold) < 0.5, `held for ${(ended! - since).toFixed(2)} s`);
    });

    it("lets go of those who go away", async () => {
      const sessions = async () => Number(await statistics('$1 == "write" {print $5}'));
      await stage.do("connect", "many", ports.write, 200);
      await pause(300);
      assert.equal(await sessions(), 200);
      await stage.do("hang_up", "many");
      await pause(1000);
      assert.equal(await sessions(), 0);
    });

    it("loses nobody in a reload", async () => {
      const client = await connect();
      await pause(200);
      await systemctl("reload");
      await pause(500);
      assert.equal((await state(client)).ended, null);
      await says(one, 200, primary());
      assert.equal((await wait(client, "served", soon))?.node, one);
    });

    it("holds two thousand without costing a core", async () => {
      // User and system time of all HAProxy processes, in ticks of 10 ms.
      const ticks = async () =>
        Number(
          await stage.do(
            "run",
            "cat $(pgrep -x haproxy | sed 's#.*#/proc/&/stat#') | awk '{sum += $14 + $15} END {print sum}'",
          ),
        );
      await stage.do("connect", "crowd", ports.write, 2000);
      await pause(1000);
      const before = await ticks();
      await pause(2000);
      const share = (await ticks()) - before;
      await says(one, 200, primary());
      await pause(1000 * soon);
      const crowd = await stage.do<ClientState[]>("states", "crowd");
      assert.deepEqual([...new Set(crowd.map(({ node }) => node))], [one], "all were served");
      await stage.do("hang_up", "crowd");
      assert.ok(share < 50, `${share / 2} % of a core`);
    });
  });

  describe("in a crowd", () => {
    const at = (proxies: string) => statistics(`$1 ~ /^(${proxies})$/ && $2 == "BACKEND" {sum += $5} END {print sum}`);

    it("turns away who says nothing, and gives no place at a server meanwhile", async () => {
      const before = await at("primary|replicas");
      const since = await stage.do<number>("now");
      await stage.do("connect", "silent", ports.write, 1, "127.0.0.9", true);
      await stage.do("connect", "mute", ports.read, 1, "127.0.0.9", true);
      await pause(1000);
      assert.equal(await at("primary|replicas"), before);
      for (const name of ["silent", "mute"]) {
        const after = ((await wait(name, "ended", silence + 3))?.ended ?? Infinity) - since;
        assert.ok(Math.abs(after - silence) < 1, `${name} was turned away after ${after.toFixed(2)} s`);
      }
    });

    it("that holds every place at the leader, PgBouncer has places of its own, and a failover ends", async () => {
      // More than all that a frontend takes, too.
      await stage.do("connect", "mass", ports.write, 3000);
      try {
        for (const deadline = Date.now() + 20_000; Number(await at("primary")) < places; await pause(200))
          assert.ok(Date.now() < deadline, `${await at("primary")} hold a place`);
        await stage.do("connect", "pgbouncer", ports.write, 1, "127.0.0.1");
        assert.equal((await wait("pgbouncer", "served", 15))?.node, one);
        await postgresql(one, "down");
        await says(one, refused, replica);
        await says(two, 200, primary(2));
        await stage.do("connect", "pgbouncer.2", ports.write, 1, "127.0.0.1");
        assert.equal((await wait("pgbouncer.2", "served", 15))?.node, two);
      } finally {
        await stage.do("hang_up", "mass");
        await postgresql(one, "up");
      }
    });
  });
});
