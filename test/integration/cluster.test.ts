/** The cluster of the default size, on real machines: made, checked, broken, changed, healed, removed. */
import assert from "node:assert/strict";
import { breaks } from "./support/breaks";
import { hostileOwnerChecks } from "./support/hostile-owner";
import { flowChecks } from "./support/flows";
import { foundOut } from "./support/found-out";
import { hostileLogins } from "./support/hostile-logins";
import { machinesOf, type Machines } from "../../simulator/machines";
import { rightsChecks } from "./support/rights";
import { promised } from "./support/promised";
import { securityChecks } from "./support/security";
import { sessionChecks } from "./support/sessions";
import { serviceChecks } from "./support/service";
import { query } from "../../simulator/sql";
import { incus, TestStack, until } from "../../simulator/stack";
import { unitChecks } from "./support/units";
import { becomesWhole, complaints, failedChecks, validation } from "../../simulator/validation";

const stack = new TestStack("test-cluster", {
  driver: "incus",
  name: "pgha-test",
  network: { cidr: "10.89.0.0/24" },
  // As on AWS: whoever may make databases may rename his own, which a hostile owner is to be refused.
  database: { createDatabases: false },
  ports: { write: 15500, read: 15501, stats: 17500, pooled: 16432, pooledRead: 16532 },
});

describe("a cluster of the default size", function () {
  this.timeout(300_000);
  this.bail(true);
  let machines: Machines;
  let passed = false;

  before(() => stack.init());

  after(async () => {
    if (!passed) await showJournals();
    await stack.remove();
  });

  // What the machines had to say, when a test failed: they are about to go.
  async function showJournals(): Promise<void> {
    for (const { name } of machines?.cluster.nodes ?? []) {
      const lines = await machines.on(name, "journalctl -p warning -n 15 --no-pager -o cat").catch(String);
      console.error(`--- ${name}\n${lines}`);
    }
  }

  describe("made", () => {
    it("comes up from nothing and takes a write", async () => {
      const started = Date.now();
      const said = await stack.up();
      assert.doesNotMatch(said, /warning/i);
      machines = await machinesOf(stack.name);
      await query(machines.cluster, "ownerUrl", "CREATE TABLE kept (id int PRIMARY KEY)");
      await query(machines.cluster, "pooledUrl", "INSERT INTO kept VALUES (1)");
      console.log(`      first committed write after ${((Date.now() - started) / 1000).toFixed(1)} s`);
    });

    it("passes every check of the validation suite, the promised 28 among them", async () => {
      const found = await validation(stack);
      assert.equal(complaints(found), "");
      const groups = new Map<string, number>();
      for (const { group } of found.checks) groups.set(group, (groups.get(group) ?? 0) + 1);
      for (const [group, count] of Object.entries(promised)) {
        assert.ok(
          (groups.get(group) ?? 0) >= count,
          `group '${group}' has ${groups.get(group) ?? 0} checks, ${count} are promised`,
        );
      }
    });

    it("has nothing to do at a second up", async () => {
      const said = await stack.up("--refresh", "--expect-no-changes");
      assert.match(said, /\d+ unchanged/);
    });
  });

  serviceChecks(() => machines);
  sessionChecks(() => machines);
  // First: it looks for secrets in the journals, and those after it carry keys about.
  securityChecks(stack, () => machines);
  rightsChecks(stack, () => machines);
  unitChecks(() => machines);
  hostileOwnerChecks(stack, () => machines);
  flowChecks(() => machines);
  foundOut(stack, () => machines);
  hostileLogins(stack, () => machines);

  describe("broken on purpose", () => {
    for (const { name, where, break: breakIt, repair, fails } of breaks) {
      it(`${name}: exactly the right checks fail`, async () => {
        const node = where === "replica" ? await machines.replica() : `${where}1`;
        await machines.on(node, breakIt);
        try {
          const found = await validation(stack, "--quick");
          assert.deepEqual(failedChecks(found).sort(), [...fails].sort(), complaints(found));
        } finally {
          await machines.on(node, repair);
        }
        await becomesWhole(stack);
      });
    }
  });

  describe("changed", () => {
    it("takes a changed setting by a reload: no restart, no new leader", async () => {
      const state = async () => {
        const rows = await query(
          machines.cluster,
          "writeUrl",
          "SELECT pg_postmaster_start_time()::text AS started, inet_server_addr()::text AS server",
        );
        return JSON.stringify(rows);
      };
      const before = await state();
      stack.set({ haproxy: { maxReplicaLag: 32 }, postgresql: { parameters: { log_min_duration_statement: 1234 } } });
      const preview = await stack.mustPulumi("preview", "--diff", "--non-interactive");
      assert.match(preview, /[-+~ ].*lag=16MB/, "the preview shows the line that changes");
      assert.doesNotMatch(preview, /Instance.*(replace|delete)/);
      await stack.up();
      assert.deepEqual(await query(machines.cluster, "writeUrl", "SHOW log_min_duration_statement"), [
        { log_min_duration_statement: "1234ms" },
      ]);
      assert.match(await machines.on("haproxy2", "cat /etc/haproxy/haproxy.cfg"), /lag=32MB/);
      assert.equal(await state(), before);
    });

    it("takes renewed certificates by a reload of every daemon", async () => {
      stack.set({ certificates: { validityDays: 100, renewDays: 30 } });
      const started = () => machines.on("postgresql1", "systemctl show -P ExecMainStartTimestamp patroni");
      const before = await started();
      await stack.up();
      const ports = { etcd: [2379, 2380], postgresql: [8008, 5432], haproxy: [7000, 6432, 6433] };
      for (const { name, address, role } of machines.cluster.nodes) {
        for (const port of ports[role]) {
          const dialect = [5432, 6432, 6433].includes(port) ? "-starttls postgres" : "";
          const pair = "-cert /etc/pgha/tls/node.crt -key /etc/pgha/tls/node.key";
          const days = await machines.on(
            name,
            `end=$(openssl s_client -connect ${address}:${port} ${pair} ${dialect} </dev/null 2>/dev/null | openssl x509 -noout -enddate)
             echo $((($(date -d "\${end#*=}" +%s) - $(date +%s)) / 86400))`,
          );
          assert.equal(days, "99", `days left of the certificate that ${name} shows on ${port}`);
        }
      }
      assert.equal(await started(), before, "no daemon was restarted");
      await becomesWhole(stack);
    });

    it("takes a raised setting that needs a restart one node at a time, the leader last and after it gave way", async () => {
      const leader = await machines.leader();
      await restartFor(220);
      assert.notEqual(await machines.leader(), leader);
    });

    it("takes a lowered one with the leader first, which standbys ask for", async () => {
      const leader = await machines.leader();
      await restartFor(180);
      assert.equal(await machines.leader(), leader);
    });

    async function restartFor(maxConnections: number): Promise<void> {
      stack.set({ postgresql: { maxConnections, parameters: { log_min_duration_statement: 1234 } } });
      await stack.up();
      for (const { name, role } of machines.cluster.nodes) {
        if (role !== "postgresql") continue;
        const value = await machines.on(name, "runuser -u postgres -- psql -XAtqc 'SHOW max_connections'");
        assert.equal(value, String(maxConnections), `${name} has the new value`);
      }
      machines = await machinesOf(stack.name);
      await becomesWhole(stack);
    }

    it("is healed by an up when machines were removed or stopped outside", async () => {
      const replica = await machines.replica();
      await incus("delete", "--force", `${stack.cluster}-${replica}`);
      await incus("delete", "--force", `${stack.cluster}-etcd2`);
      await incus("stop", "--force", `${stack.cluster}-haproxy2`);
      await stack.up("--refresh");
      machines = await machinesOf(stack.name);
      await becomesWhole(stack);
      assert.deepEqual(await query(machines.cluster, "readUrl", "SELECT id FROM kept"), [{ id: 1 }]);
    });
  });

  describe("removed", () => {
    it("leaves nothing behind when it is destroyed", async () => {
      await stack.mustPulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
      assert.deepEqual(await stack.leftovers(), []);
      await until(
        "the published ports to be free",
        10,
        async () => (await incus("list", "--format", "csv", stack.cluster)) === "",
      );
      passed = true;
    });
  });
});
