/** The smallest cluster: two database nodes, one proxy. Broken off while it is made, moved both ways, rebooted. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { machinesOf, type Machines } from "../../simulator/machines";
import { query } from "../../simulator/sql";
import { incus, TestStack, until } from "../../simulator/stack";
import { declaredChecks, extensionsWork } from "./support/declared";
import { becomesWhole, complaints, validation } from "../../simulator/validation";

const stack = new TestStack("test-smallest", {
  driver: "incus",
  name: "pgha-small",
  nodes: { etcd: 3, postgresql: 2, haproxy: 1 },
  network: { cidr: "10.90.0.0/24" },
  ports: { write: 25500, read: 25501, stats: 27500, pooled: 26432, pooledRead: 26532 },
});

describe("the smallest cluster", function () {
  this.timeout(300_000);
  this.bail(true);
  let machines: Machines;

  before(() => stack.init());
  after(() => stack.remove());

  it("is not begun with faulty settings: all faults in one message, nothing made", async () => {
    const said = await stack.failedUp({ nodes: { etcd: 2, postgresql: 2, haproxy: 1 }, clock: "slow", speed: 11 });
    for (const key of ["pgha:nodes.etcd", "pgha:clock", "pgha:speed"]) assert.ok(said.includes(key), `names ${key}`);
    assert.doesNotMatch(said, /at .*\.ts:\d+/, "shows no stack trace");
    assert.deepEqual(await stack.leftovers(), []);
  });

  it("is finished by a second up when the first is killed half-way", async () => {
    const settings = { nodes: { etcd: 3, postgresql: 2, haproxy: 1 }, clock: "fast" };
    stack.forget("speed");
    stack.set(settings);
    const first = stack.startUp();
    await until("the first machines to be made", 60, async () => (await stack.leftovers()).length > 3);
    process.kill(-first.pid!, "SIGKILL");
    // Nothing in the state is written but by renaming a whole file, so no moment of dying can spoil it.
    const sidecars = readdirSync(stack.folder, { recursive: true }).filter((file) => String(file).endsWith(".attrs"));
    assert.deepEqual(sidecars, []);
    await stack.mustPulumi("cancel", "--yes"); // the lock of the killed one
    await stack.up("--refresh");
    machines = await machinesOf(stack.name);
    await becomesWhole(stack);
  });

  it("passes the whole validation suite", async () => {
    assert.equal(complaints(await validation(stack)), "");
  });

  it("answers its operator's commands", async () => {
    const said = async (...args: string[]) => {
      const { code, stdout, stderr } = await stack.pgha(...args);
      assert.equal(code, 0, stdout + stderr);
      return stdout.trim();
    };
    assert.match(await said("status"), /All is well/);
    assert.equal(await said("ssh", "etcd2", "hostname"), "etcd2");
    assert.equal(await said("ssh", "etcd2", "--", "hostname"), "etcd2");
    assert.equal(await said("psql", "--app", "--", "-XAtc", "SELECT current_user"), "app");
    assert.match(await said("logs", "postgresql1", "--lines", "50"), /patroni/);
    assert.match(await said("endpoints"), /pooled .*postgresql:/);
  });

  declaredChecks(stack, () => machines);

  it("fails over in both directions, controlled and by a killed postmaster, the timeline one up each time", async () => {
    await query(machines.cluster, "ownerUrl", "CREATE TABLE kept (id int PRIMARY KEY)");
    const timeline = () =>
      machines
        .leader()
        .then((leader) =>
          machines.on(leader, "runuser -u postgres -- psql -XAtqc 'SELECT timeline_id FROM pg_control_checkpoint()'"),
        );
    const first = await machines.leader();
    const before = Number(await timeline());

    const { code, stdout, stderr } = await stack.pgha("switchover", "--yes");
    assert.equal(code, 0, stdout + stderr);
    const second = await machines.leader();
    assert.notEqual(second, first);
    await query(machines.cluster, "pooledUrl", "INSERT INTO kept VALUES (1)");
    await extensionsWork(machines.cluster);
    await becomesWhole(stack); // only a standby that has every commit may win the next time

    await machines.on(second, "kill -9 $(head -1 /var/lib/postgresql/17/main/postmaster.pid)");
    await until("the other node to lead", 60, () =>
      machines.leader().then(
        (leader) => leader === first,
        () => false,
      ),
    );
    await until("a write to be taken", 60, () =>
      query(machines.cluster, "pooledUrl", "INSERT INTO kept VALUES (2)").then(
        () => true,
        () => false,
      ),
    );
    await machines.on(first, "runuser -u postgres -- psql -XAtqc CHECKPOINT");
    assert.equal(Number(await timeline()), before + 2);
    await becomesWhole(stack);
  });

  it("comes back with its data when the host was rebooted", async () => {
    const names = (await stack.leftovers()).filter((name) => name !== stack.cluster);
    await incus("stop", "--force", ...names);
    await stack.up("--refresh");
    await becomesWhole(stack, 90);
    assert.deepEqual(await query(machines.cluster, "pooledUrl", "SELECT id FROM kept ORDER BY id"), [
      { id: 1 },
      { id: 2 },
    ]);
  });

  it("leaves nothing behind when it is destroyed", async () => {
    await stack.mustPulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    assert.deepEqual(await stack.leftovers(), []);
  });
});
