/** Members of etcd come and go, and a majority of them is lost for good: clients see nothing of it. */
import assert from "node:assert/strict";
import { etcdctl, etcdEndpoint } from "../../ops/ask";
import { nodesOf } from "../../ops/cluster";
import type { Status } from "../../ops/status";
import { machinesOf } from "../../simulator/machines";
import { incus, TestStack, until } from "../../simulator/stack";
import { underLoad } from "./support/under-load";

const stack = new TestStack("test-membership", {
  driver: "incus",
  name: "pgha-members",
  nodes: { etcd: 3, postgresql: 2, haproxy: 1 },
  network: { cidr: "10.98.0.0/24" },
  ports: { write: 17500, read: 17501, stats: 17700, pooled: 17632 },
});

/** Seconds until the cluster is whole, from when `up` begins. */
const rebuilt = 90;

describe("members of etcd", function () {
  this.timeout(400_000);
  this.bail(true);

  before(async () => {
    await stack.init();
    await stack.up();
  });
  after(() => stack.remove());

  const grown = (etcd: number) => {
    stack.set({ nodes: { etcd, postgresql: 2, haproxy: 1 } });
    return underLoad(stack, () => stack.up());
  };

  /** Who is a member, all of them with a vote; fails unless nothing is amiss. */
  async function members(): Promise<string[]> {
    const { warnings, etcdMembers } = JSON.parse((await stack.pgha("status", "--json")).stdout) as Status;
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

  it("come, one at a time, and change nothing for the others", async () => {
    await grown(5);
    assert.deepEqual(await members(), ["etcd1", "etcd2", "etcd3", "etcd4", "etcd5"]);
  });

  it("go before their machines do, etcd's leader among them", async () => {
    await leadBy("etcd5");
    await grown(3);
    assert.deepEqual(await members(), ["etcd1", "etcd2", "etcd3"]);
  });

  it("lose their majority for good: a survivor's data carries the cluster on, and writes go on meanwhile", async () => {
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
});
