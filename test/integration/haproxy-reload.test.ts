/**
 * What a reload of HAProxy leaves behind: old workers, which go on with their sessions. HAProxy of the machine image with the rendered
 * configuration, before Patronis and PostgreSQLs that are played: nothing but HAProxy ends a session here.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { detectionWindow } from "../../settings/clocks";
import { lookupConnections, reservedConnections } from "../../settings/limits";
import { ports } from "../../settings/ports";
import { tls } from "../../settings/tls";
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

/** Seconds a connection is held here. */
const hold = 10;
/** Clients' places at the leader, beside PgBouncer's. */
const places = 40;
const plan = onLoopback(
  makePlan({
    clock: { preset: "fast", hold },
    nodes: { haproxy: 1 },
    postgresql: { maxConnections: places + 50 + lookupConnections + reservedConnections },
  }),
);
const { clock } = plan.settings;

/** Seconds from a reload until the new worker's word is final, and believed by the old ones. */
const settled = 4;
/** Seconds until HAProxy has acted on a change, as in haproxy.test.ts. */
const soon = (2 * (detectionWindow(clock) + clock.connectTimeout)) / 1000;

describe("a reload of HAProxy", function () {
  this.timeout(90_000);
  const stage = new HaproxyStage("pgha-reload-test", plan);
  const { wait, state, says, run } = stage;
  const [one, two, three] = ["postgresql1", "postgresql2", "postgresql3"] as const;

  const pid = () => run("echo 'show info' | socat - /run/haproxy/admin.sock | sed -n 's/^Pid: //p'");
  /** Process ids. HAProxy's master, when it has just reloaded, does not answer at once. */
  async function oldWorkers(): Promise<number[]> {
    let said = "";
    const answered = async () =>
      (said = await run("echo 'show proc' | socat - /run/haproxy/master.sock || true")).includes("# workers");
    await until("HAProxy's master to answer", 10, answered);
    return said
      .split("\n")
      .filter((line) => /^\d+ +worker +[1-9]/.test(line))
      .map((line) => Number.parseInt(line));
  }
  async function reload(): Promise<void> {
    const before = await pid();
    await until("a new worker", 30, async () => {
      // The master does not hear it while it starts.
      await run("systemctl kill --kill-whom=main --signal=USR2 haproxy");
      for (let n = 0; n < 50 && ["", before].includes(await pid()); n++) await pause(50);
      return !["", before].includes(await pid());
    });
  }
  /** A client that this node serves. */
  async function served(node: string, port: number = ports.write): Promise<string> {
    for (const deadline = Date.now() + 15_000; ; await pause(100)) {
      const client = await stage.connect(port);
      if ((await wait(client, "served", soon))?.node === node) return client;
      assert.ok(Date.now() < deadline, `${node} serves on port ${port}`);
    }
  }
  const goesOn = async (client: string) => assert.equal((await state(client)).ended, null, `${client} goes on`);
  /** Seconds from a moment until both clients were cut: one in an old worker, one in the new one. */
  async function cut(clients: string[], since: number): Promise<number[]> {
    return Promise.all(
      clients.map(async (client) => {
        const { ended } = (await wait(client, "ended", 15)) ?? assert.fail(`${client} is not cut`);
        return ended! - since;
      }),
    );
  }
  /** One session in an old worker and one in the new one, whose word is final. */
  async function bothSides(node: string, port?: number): Promise<[string, string]> {
    const before = await served(node, port);
    await reload();
    const after = await served(node, port);
    await pause(1000 * settled);
    await goesOn(before);
    return [before, after];
  }

  before(async () => {
    await stage.start();
    await run("systemctl start haproxy");
  });
  after(() => stage.remove());
  beforeEach(async () => {
    for (const node of [two, three]) await says(node, refused, replica);
    await says(one, 200, primary());
    await served(one);
  });
  afterEach(async () => {
    await stage.do("hang_up_all");
    await until("old workers to end with their sessions", 15, async () => (await oldWorkers()).length === 0);
  });

  it("leaves sessions alone, however often it is done", async () => {
    const clients = [];
    for (let n = 0; n < 3; n++) {
      clients.push(await served(one), await served(two, ports.read));
      await reload();
    }
    // Longer than a worker was once given.
    await pause(31_000);
    for (const client of clients) await goesOn(client);
    assert.equal((await oldWorkers()).length, 3);
  });

  it("gives no place at a server away twice", async () => {
    const count = async (name: string) =>
      (await stage.do<ClientState[]>("states", name)).filter(({ node, ended }) => node && !ended).length;
    await stage.do("hang_up_all");
    await stage.do("connect", "early", ports.write, 30);
    await until("early ones to be served", 10, async () => (await count("early")) === 30);
    await reload();
    const given = () =>
      run("echo 'show stat' | socat - /run/haproxy/admin.sock | awk -F, '/^primary,postgresql1,/ {print $7}'");
    await until("the new worker to know that", 5, async () => Number(await given()) === places - 30);
    await stage.do("connect", "late", ports.write, 30);
    await pause(2000);
    assert.equal((await count("early")) + (await count("late")), places);
    await stage.do("hang_up", "early");
    await until("the others to be served", 10, async () => (await count("late")) === 30);
  });

  it("leaves workers that can be looked at, and ended by hand", async () => {
    const old = await served(one);
    await reload();
    const current = await served(one);
    const [pid] = await oldWorkers();
    const sessions = await run(`echo '@!${pid} show sess' | socat - /run/haproxy/master.sock`);
    assert.match(sessions, /fe=write/);
    await run(`kill ${pid}`);
    await cut([old], 0);
    await pause(500);
    await goesOn(current);
  });

  describe("is followed by", () => {
    it("a switchover: old sessions to the old leader end", async () => {
      const both = await bothSides(one);
      await says(one, refused, replica);
      const [old, current] = await cut(both, await says(two, 200, primary(2)));
      assert.ok(old! < soon && old! < current! + 1, `${old} s, in the new worker ${current} s`);
    });

    it("a switchover at once: they end when the new worker is sure", async () => {
      const client = await served(one);
      await reload();
      await says(one, refused, replica);
      const [old] = await cut([client], await says(two, 200, primary(2)));
      assert.ok(old! < soon + settled, `${old} s`);
    });

    it("a power-off of the leader: they end, also those that are in the middle of something", async () => {
      const both = await bothSides(one);
      await run("nft 'add table inet vanished; add chain inet vanished out { type filter hook output priority 0; }'");
      const { address } = plan.postgresql[0]!;
      try {
        const since = await stage.do<number>("now");
        await run(
          `nft 'add rule inet vanished out ip daddr ${address} drop; add rule inet vanished out ip saddr ${address} drop'`,
        );
        for (const client of both) await stage.do("talk", client); // what is on its way stays so: no keepalive
        const [old, current] = await cut(both, since);
        assert.ok(old! < current! + 1, `${old} s, in the new worker ${current} s`);
      } finally {
        await run("nft delete table inet vanished");
      }
    });

    it("the loss of a replica: reads on it end, and no others", async () => {
      const both = await bothSides(two, ports.read);
      const [other, write] = [await served(three, ports.read), await served(one)];
      await reload();
      await pause(1000 * settled);
      const since = await says(two, refused, { state: "stopped", role: "demoted" });
      const [old, last] = await cut(both, since);
      assert.ok(old! < soon && last! < soon, `${old} s, ${last} s`);
      await pause(1000);
      for (const client of [other, write]) await goesOn(client);
    });
  });

  it("cuts nobody on a replica that has come to lag, neither in an old worker", async () => {
    const both = await bothSides(two, ports.read);
    await says(two, refused, lagging);
    await pause(1000 * (soon + 1));
    for (const client of both) await goesOn(client);
    await cut(both, await says(two, refused, { state: "stopped", role: "demoted" }));
  });

  it("cuts nobody while Patroni is silent, and as soon as another leads", async () => {
    const client = await served(one);
    await stage.do("patroni_is", one, "silent");
    await reload();
    await pause(1000 * (settled + 3));
    await goesOn(client);
    const [old] = await cut([client], await says(two, 200, primary(2)));
    assert.ok(old! < soon + 2, `${old} s`);
  });

  it("cuts nobody because a Patroni was slow to answer the new worker first", async () => {
    const [write, read] = [await served(one), await served(two, ports.read)];
    for (const node of [one, two, three]) await stage.do("patroni_is", node, "silent");
    await reload();
    await pause(1500);
    for (const node of [two, three]) await says(node, refused, replica);
    await says(one, 200, primary());
    await pause(1000 * (settled + 1));
    for (const client of [write, read]) await goesOn(client);
  });

  it("while clients wait for a leader has them wait in the new worker, and served there", async () => {
    await says(one, refused, replica);
    await pause(1000);
    const client = await stage.connect();
    for (let n = 0; n < 2; n++) {
      await pause(300);
      await reload();
    }
    assert.equal((await state(client)).ended, null);
    await says(two, 200, primary(2));
    assert.equal((await wait(client, "served", soon))?.node, two);
  });

  it("while they wait, and nobody comes to lead, has them told in the end", async () => {
    await says(one, refused, replica);
    await pause(1000);
    const client = await stage.connect();
    await pause(300);
    await reload();
    const since = await stage.do<number>("now");
    const { ended, node } = (await wait(client, "ended", hold + 2)) ?? assert.fail("held for ever");
    assert.equal(node, null);
    assert.ok(ended! - since < hold + 1, `${ended! - since} s`);
  });

  describe("is not needed for a new certificate", () => {
    const converge = readFileSync(join(__dirname, "../../cloud-init/converge/haproxy.sh")).toString("base64");
    const take = () => run(`source <(base64 -d <<<${converge}); take_certificate`);
    const shown = () =>
      run(`openssl s_client -connect 127.0.0.1:${ports.stats} </dev/null 2>/dev/null | openssl x509 -noout -serial`);

    it("which the stats page shows at once", async () => {
      const [before, serial] = [await pid(), await shown()];
      await run(
        `cd ${join(tls.server, "..")} && openssl req -x509 -CA ca.crt -CAkey ca.key -key node.key -subj /CN=server -days 2 -out new.crt && mv new.crt server.crt`,
      );
      await take();
      assert.notEqual(await shown(), serial);
      assert.equal(await shown(), await run(`openssl x509 -noout -serial -in ${tls.server}`));
      assert.equal(await pid(), before);
    });

    it("unless HAProxy refuses it", async () => {
      const serial = await shown();
      await run(`cp ${tls.server} /run/good.crt && echo 'not one' >${tls.server}`);
      await assert.rejects(take());
      await run(`cp /run/good.crt ${tls.server}`);
      assert.equal(await shown(), serial);
      await take();
    });
  });
});
