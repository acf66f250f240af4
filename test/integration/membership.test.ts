/** Members of etcd and Patroni come and go, the leaders among them; all of etcd is lost for good: clients see nothing of it. */
import assert from "node:assert/strict";
import { etcdctl, etcdEndpoint } from "../../ops/ask";
import { nodesOf } from "../../ops/cluster";
import type { Status } from "../../ops/status";
import { machinesOf } from "../../simulator/machines";
import { incus, TestStack, until } from "../../simulator/stack";
import { thoroughIt } from "./support/thorough";
import { underLoad } from "./support/under-load";

const stack = new TestStack("test-membership", {
  driver: "incus",
  name: "pgha-members",
  nodes: { etcd: 3, postgresql: 2, haproxy: 1 },
  network: { cidr: "10.98.0.0/24" },
  ports: { write: 17500, read: 17501, stats: 17700, pooled: 17632, pooledRead: 17732 },
});

/** Seconds until the cluster is whole, from when `up` begins. */
const rebuilt = 90;

describe("members", function () {
  this.timeout(400_000);
  this.bail(true);

  before(async () => {
    await stack.init();
    await stack.up();
  });
  after(() => stack.remove());

  const grown = (etcd: number, postgresql = 2, leaves?: string) => {
    stack.set({ nodes: { etcd, postgresql, haproxy: 1 } });
    return underLoad(stack, () => stack.up(), { leaves });
  };

  const status = async () => JSON.parse((await stack.pgha("status", "--json")).stdout) as Status;

  /** Who is a member, all of them with a vote; fails unless the cluster is whole. */
  async function members(): Promise<string[]> {
    const { warnings, etcdMembers } = await status();
    assert.deepEqual(warnings, []);
    return etcdMembers.map(({ name }) => name).sort();
  }

  async function leadBy(name: string): Promise<void> {
    const { cluster, on } = await machinesOf(stack.name);
    for (const node of nodesOf(cluster, "etcd")) {
      const list = etcdctl(etcdEndpoint(node), "member list");
      const move = etcdctl(etcdEndpoint(node), `move-leader $(${list} | awk -F', ' '$3 == "${name}" { print $1 }')`);
      await on(node.name, `${move} || true`);
    }
  }

  it("of etcd come, one at a time, and change nothing for the others", async () => {
    await grown(5);
    assert.deepEqual(await members(), ["etcd1", "etcd2", "etcd3", "etcd4", "etcd5"]);
  });

  it("of etcd go before their machines do, etcd's leader among them", async () => {
    await leadBy("etcd5");
    await grown(3);
    assert.deepEqual(await members(), ["etcd1", "etcd2", "etcd3"]);
  });

  it("of etcd lose their majority for good: a survivor's data carries the cluster on, and writes go on meanwhile", async () => {
    const { cluster, on } = await machinesOf(stack.name);
    const [survivor] = nodesOf(cluster, "etcd");
    const key = etcdctl(etcdEndpoint(survivor!), `get --print-value-only /service/${stack.cluster}/initialize`);
    const before = await on(survivor!.name, key);
    await underLoad(stack, async () => {
      await incus("delete", "--force", `${stack.cluster}-etcd2`, `${stack.cluster}-etcd3`);
      const started = Date.now();
      await stack.up("--refresh");
      await until("a whole cluster", 30, () => members().then(Boolean, () => false));
      assert.ok(Date.now() - started < rebuilt * 1000, `${(Date.now() - started) / 1000} s`);
    });
    assert.deepEqual(await members(), ["etcd1", "etcd2", "etcd3"]);
    assert.ok(before);
    assert.equal(await on(survivor!.name, key), before, "it is the same cluster");
  });

  thoroughIt(
    "of etcd are all lost: Patroni takes up the new etcd, nobody is promoted, and writes go on meanwhile",
    async () => {
      const leader = (await status()).leader;
      const timeline = (await status()).timeline;
      await underLoad(stack, async () => {
        await incus("delete", "--force", ...["etcd1", "etcd2", "etcd3"].map((name) => `${stack.cluster}-${name}`));
        const started = Date.now();
        await stack.up("--refresh");
        await until("a whole cluster", 30, () => members().then(Boolean, () => false));
        assert.ok(Date.now() - started < rebuilt * 1000, `${(Date.now() - started) / 1000} s`);
      });
      assert.deepEqual(await members(), ["etcd1", "etcd2", "etcd3"]);
      const now = await status();
      assert.deepEqual([now.leader, now.timeline], [leader, timeline]);
    },
  );

  it("of Patroni come", async () => {
    await grown(3, 3);
    assert.deepEqual((await status()).warnings, []);
  });

  thoroughIt("of Patroni that were away for too long are copied again by the next up", async () => {
    stack.set({
      nodes: { etcd: 3, postgresql: 3, haproxy: 1 },
      postgresql: { parameters: { max_slot_wal_keep_size: "32MB", wal_keep_size: "16MB", max_wal_size: "64MB" } },
    });
    await stack.up();
    const { leader } = await status();
    const { on } = await machinesOf(stack.name);
    await on("postgresql3", "systemctl stop patroni");
    // A switch leaves a segment of 16 MB behind, whatever is in it. Patroni makes a lost slot again, which does not bring them back.
    const segment = "SELECT pg_logical_emit_message(true, 'pgha', 'x'); SELECT pg_switch_wal()";
    const psql = "runuser -u postgres -- psql -XAtq -d postgres";
    await on(leader!, `for i in {1..12}; do ${psql} -c "${segment}" >/dev/null; done; ${psql} -c CHECKPOINT`);
    await on("postgresql3", "systemctl start patroni");
    await until("the standby to say that it does not follow", 60, async () => {
      const { warnings } = await status();
      return warnings.includes("postgresql3: it does not stream from the leader; `npm run up` makes it so again");
    });
    // With so little WAL kept the load would leave the copy behind once more.
    stack.set({ nodes: { etcd: 3, postgresql: 3, haproxy: 1 }, postgresql: {} });
    await underLoad(stack, () => stack.up());
    assert.deepEqual((await status()).warnings, []);
  });

  it("of Patroni: a leader that is to go hands over first", async () => {
    const moved = await stack.pgha("switchover", "--to", "postgresql3", "--yes");
    assert.equal(moved.code, 0, moved.stderr);
    await grown(3, 2, "postgresql3");
    const { leader, database, warnings } = await status();
    assert.deepEqual(warnings, []);
    assert.ok(["postgresql1", "postgresql2"].includes(leader!), `${leader}`);
    assert.deepEqual(
      database.map(({ name }) => name),
      ["postgresql1", "postgresql2"],
    );
  });

  it("of Patroni that have gone leave nothing but a slot, which goes after half an hour", async () => {
    const { cluster, on } = await machinesOf(stack.name);
    const [asked] = nodesOf(cluster, "etcd");
    const keys = etcdctl(etcdEndpoint(asked!), "get --prefix --keys-only ''");
    const left = async () => (await on(asked!.name, keys)).split("\n").filter((key) => /postgresql3/.test(key));
    // Its machine was killed: what it said in etcd of itself lasts for as long as Patroni's clock has it.
    await until("the key of the member to expire", 30, async () => (await left()).length === 0);
    const { leader } = await status();
    const sql = "SELECT slot_name, active FROM pg_replication_slots WHERE slot_name ~ 'postgresql3'";
    const slots = await on(leader!, `runuser -u postgres -- psql -XAtq -d postgres -c "${sql}"`);
    assert.equal(slots, "postgresql3|f");
    for (const { name } of nodesOf(cluster, "haproxy"))
      await on(name, "! grep -r postgresql3 /etc/haproxy /etc/pgbouncer");
    for (const { name } of nodesOf(cluster, "postgresql"))
      await on(name, "! grep -r postgresql3 /etc/patroni /etc/pgha");
    assert.deepEqual((await incus("list", `^${stack.cluster}-postgresql3$`, "--format", "csv")).trim(), "");
    const resources = JSON.parse(await stack.mustPulumi("stack", "export")) as {
      deployment: { resources: { urn: string }[] };
    };
    assert.deepEqual(
      resources.deployment.resources.filter(({ urn }) => /postgresql3/.test(urn)).map(({ urn }) => urn),
      [],
    );
  });
});
