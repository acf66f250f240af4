/** Crowds that hold what they can at every door, and a storm of clients in a failover: those who are in go on, operators get in. */
import assert from "node:assert/strict";
import { bridgeName } from "../../settings/plan";
import { ports } from "../../settings/ports";
import { nodesOf } from "../../ops/cluster";
import { Crowd, strangerAddress, type Door } from "./support/crowd";
import { machinesOf, type Machines } from "../../simulator/machines";
import { query } from "../../simulator/sql";
import { incus, run, TestStack, until } from "../../simulator/stack";
import { sample } from "./support/thorough";
import { startLoad, underLoad } from "./support/under-load";
import { becomesWhole } from "../../simulator/validation";

const cidr = "10.97.0.0/24";

const stack = new TestStack("test-crowds", {
  driver: "incus",
  name: "pgha-crowds",
  network: { cidr },
  ports: { write: 20500, read: 20501, stats: 20700, pooled: 20632, pooledRead: 20732 },
});

/** How many stand silently at each door. */
const idle = 5000;
/** More logins than PostgreSQL has places. */
const halfLogins = 220;
const slow = 300;
/** Seconds an operator may have to wait for each of his commands. */
const patience = 30;
/** With a leader whose machine is gone, ms. A drill without a storm holds it to 29.5 s. */
const longestFailover = 45_000;
/** Fewer than usual: crowds, clients and cluster share this machine's cores. */
const clients = { pooled: 20, write: 8, read: 8 };

describe("crowds", function () {
  this.timeout(600_000);
  this.bail(true);
  const stranger = strangerAddress(cidr);
  let machines: Machines;
  let leader: string;
  let replica: string;

  before(async () => {
    await stack.init();
    await stack.up();
    machines = await machinesOf(stack.name);
    [leader, replica] = [await machines.leader(), await machines.replica()];
    const { code, stderr } = await run("ip", ["addr", "add", `${stranger}/32`, "dev", bridgeName(stack.cluster)]);
    assert.equal(code, 0, stderr);
  });
  after(() => stack.remove());

  const at = (name: string) => machines.cluster.nodes.find((node) => node.name === name)!.address;
  const proxies = () => nodesOf(machines.cluster, "haproxy").map(({ name }) => name);

  const loaded = (deed: () => Promise<void>) => underLoad(stack, deed, { clients });

  /** What an operator does first, each within his patience; and a client that comes now. */
  async function theyGetIn(): Promise<string> {
    const times: string[] = [];
    const timed = async (what: string, deed: () => Promise<unknown>) => {
      const started = Date.now();
      await deed();
      const took = (Date.now() - started) / 1000;
      times.push(`${what} ${took.toFixed(1)} s`);
      assert.ok(took < patience, `${what} took ${took} s`);
    };
    // A look that meets a replica's login storm may truthfully say that HAProxy's check of it has failed. That passes.
    let said = "";
    await timed("status", () =>
      until("status to find the cluster whole", patience, async () => {
        const { code, stdout, stderr } = await stack.pgha("status");
        said = stdout + stderr;
        return code === 0;
      }).catch((error: Error) => assert.fail(`${error.message}\n${said}`)),
    );
    await timed("psql", async () => {
      const { code, stdout, stderr } = await stack.pgha("psql", "--", "-XAtc", "SELECT 1");
      assert.deepEqual([code, stdout.trim()], [0, "1"], stderr);
    });
    await timed("a client", () => query(machines.cluster, "pooledUrl", "SELECT 1"));
    return times.join(", ");
  }

  /** Crowds of a kind, at the doors they are sent to. */
  const crowdOf =
    (kind: Omit<Door, "host" | "port" | "from">) =>
    (host: string, port: number, from?: string): Door => ({ ...kind, host, port, from });

  /** Crowds at some doors at once, while operators come. */
  async function crowded(what: string, doors: Door[]): Promise<void> {
    const crowds = doors.map((door) => new Crowd(stack.cluster, stranger, door));
    try {
      await Promise.all(crowds.map((crowd) => crowd.stands()));
      const waited = await theyGetIn();
      const standing = crowds.map(
        ({ standing: { open, most, refused, closed } }) =>
          `${open} (${most} at most, ${refused} refused, ${closed} shown out)`,
      );
      console.log(`      ${what}: ${standing.join("; ")}; ${waited}`);
    } finally {
      await Promise.all(crowds.map((crowd) => crowd.end()));
    }
    for (const [index, { standing }] of crowds.entries()) {
      // What is full lets the others wait in the kernel, where nobody sees them.
      const least = Math.min(doors[index]!.count, 400);
      assert.ok(standing.connected + standing.refused >= least, `${what}: no crowd: ${JSON.stringify(standing)}`);
    }
    assert.equal(await machines.leader(), leader, `${what}: another node leads`);
  }

  it("5,000 silent connections at each door in turn: those who are in go on, operators get in, nobody else leads", () =>
    loaded(async () => {
      const silent = crowdOf({ kind: "idle", count: idle });
      // A daemon each, then what is like the one before.
      const doors: [string, Door][] = [
        ["6432", silent(at("haproxy1"), ports.pooled)],
        ["8009", silent(at("haproxy1"), ports.gate, replica)],
        ["5000", silent(at("haproxy1"), ports.write)],
        ["5001", silent(at("haproxy1"), ports.read)],
        ["5432", silent(at(leader), ports.postgresql, replica)],
        ["7000", silent(at("haproxy1"), ports.stats)],
        ["2379", silent(at("etcd1"), ports.etcdClient, replica)],
        ["2380", silent(at("etcd1"), ports.etcdPeer, "etcd2")],
        ["22", silent(at(leader), ports.ssh)],
        ["8008", silent(at(leader), ports.patroni, "haproxy1")],
      ];
      for (const [name, door] of sample(doors, 2)) await crowded(name, [door]);
    }));

  it("half logins and slow requests: the same", () =>
    loaded(async () => {
      const half = crowdOf({ kind: "half", count: halfLogins });
      const headers = crowdOf({ kind: "headers", count: slow, tls: true });
      await crowded("half logins on 6432", [half(at("haproxy1"), ports.pooled)]);
      await crowded("half logins on 5000", [half(at("haproxy1"), ports.write)]);
      await crowded("half logins on 5001", [half(at("haproxy1"), ports.read)]);
      await crowded("slow requests on 7000, 8009, 8008, 2379", [
        headers(at("haproxy1"), ports.stats),
        headers(at("haproxy1"), ports.gate, replica),
        headers(at(leader), ports.patroni, "haproxy1"),
        headers(at("etcd1"), ports.etcdClient, replica),
      ]);
    }));

  it("3,000 clients that knock again and again in a failover: it ends in time, nothing is lost, an operator gets in", async () => {
    const { password } = new URL(machines.cluster.outputs.pooledUrl);
    const clientsAt = crowdOf({ kind: "clients", count: 1500, password });
    const storm = proxies().map((name) => clientsAt(at(name), ports.pooled));
    const load = startLoad(stack, { clients });
    const crowds: Crowd[] = [];
    try {
      await load.runs;
      await incus("stop", "--force", `${stack.cluster}-${leader}`);
      crowds.push(...storm.map((door) => new Crowd(stack.cluster, stranger, door)));
      await until("another leader that takes writes, told to an operator", 60, writable);
      for (const { standing } of crowds) console.log(`      in the storm: ${JSON.stringify(standing)}`);
      assert.ok(crowds.reduce((sum, { standing: { connected } }) => sum + connected, 0) > 3000, "no storm");
    } catch (error) {
      await load.stop().catch(() => undefined);
      throw error;
    } finally {
      await Promise.all(crowds.map((crowd) => crowd.end()));
      await incus("start", `${stack.cluster}-${leader}`);
    }
    const { slice, verification } = await load.stop();
    const { acknowledged, longestGap } = slice.paths.find(({ path }) => path === "pooled")!;
    console.log(`      pooled: ${acknowledged} acknowledged, longest time without an answer ${longestGap.ms / 1000} s`);
    assert.deepEqual(verification.faults, []);
    assert.ok(longestGap.ms < longestFailover);
    await becomesWhole(stack);
  });

  const writable = async () => {
    const { stdout } = await stack.pgha("psql", "--", "-XAtc", "SELECT pg_is_in_recovery()");
    return stdout.trim() === "f";
  };
});
