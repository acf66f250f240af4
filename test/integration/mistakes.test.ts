/** What owners do to their cluster by mistake. Each is refused before anything is changed, or healed by the next `up`; clients go on. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { machinesOf, type Machines } from "../../simulator/machines";
import { connect, query } from "../../simulator/sql";
import { TestStack, until } from "../../simulator/stack";
import type { Status } from "../../ops/status";
import {
  byHand,
  pgbouncerTried,
  putBack,
  refused,
  refusedByPgbouncer,
  settings,
  tried,
  undone,
} from "./support/mistakes";
import { sample, thorough } from "./support/thorough";
import { underLoad } from "./support/under-load";

const stack = new TestStack("test-mistakes", settings);

/** Seconds after which an `up` is killed: in the middle of changing nodes; thoroughly, from before it begins to after its end. */
const moments = thorough ? Array.from({ length: 20 }, (_, number) => 2 + number) : [8];

describe("mistakes", function () {
  this.timeout(900_000);
  this.bail(true);
  let machines: Machines;

  before(async () => {
    await stack.init();
    await stack.up();
    machines = await machinesOf(stack.name);
  });
  after(() => stack.remove());

  const status = async () => JSON.parse((await stack.pgha("status", "--json")).stdout) as Status;
  const whole = async () => assert.deepEqual((await status()).warnings, []);

  /** What an `up` that must fail prints; the edit is taken back. */
  async function failedUp(edit: Record<string, unknown>): Promise<string> {
    const said = await stack.failedUp(edit, "--suppress-outputs");
    stack.set(undone(edit));
    return said;
  }
  /** When PostgreSQL was started on each node, and who leads. */
  async function starts() {
    const { database, leader } = await status();
    const psql = "runuser -u postgres -- psql -XAtq -d postgres -c 'SELECT pg_postmaster_start_time()'";
    const times = await Promise.all(database.map(({ name }) => machines.on(name, psql)));
    return { leader, times: Object.fromEntries(database.map(({ name }, index) => [name, times[index]!])) };
  }

  it("in settings are refused, and change nothing", async () => {
    await underLoad(stack, async () => {
      for (const [edit, ...said] of sample(refused, 3)) {
        const text = await failedUp(edit);
        for (const words of said) assert.match(text, words);
        assert.doesNotMatch(text, /^ +\S+ \d+ (created|updated|deleted|replaced)$/m);
      }
    });
    assert.match(await stack.up(), /^ +\d+ unchanged$/m);
    await whole();
  });

  it("that no table knows are found out by a trial on the nodes, and nothing is restarted", async () => {
    const before = await starts();
    await underLoad(stack, async () => {
      for (const [edit, words] of sample(tried, 2)) {
        const text = await failedUp(edit);
        assert.match(text, words);
        assert.match(text, /PostgreSQL does not start with these settings, nothing was changed/);
        // All of it for one node, not the script.
        for (const part of text.split("Diagnostics:")[1]!.split("\n\n")) {
          assert.ok(part.trim().split("\n").length <= 15, part);
        }
        await whole();
      }
      await stack.up();
    });
    assert.deepEqual(await starts(), before);
    assert.match(await stack.up(), /^ +\d+ unchanged$/m);
  });

  it("in PgBouncer's files, which has no checker, are found out by one that is started with them", async () => {
    assert.equal(await machines.on("haproxy1", pgbouncerTried("")), "");
    for (const [edit, words] of refusedByPgbouncer) {
      const said = await machines.on("haproxy1", pgbouncerTried(edit));
      assert.match(said, /^haproxy1: pgbouncer refuses its new configuration, nothing was changed: /);
      assert.match(said.replace(/^.*?changed: /, ""), words);
    }
  });

  it("that show at the restart stop with the first node, which is put back; the next up goes on", async () => {
    const before = await starts();
    await underLoad(stack, async () => {
      for (const [edit, words] of putBack) {
        const text = await failedUp(edit);
        assert.match(text, words);
        assert.match(text, /is left as it was: the new settings do not work on postgresql\d/);
        await whole();
        const after = await starts();
        assert.equal(after.leader, before.leader);
        const restarted = Object.keys(before.times).filter((name) => after.times[name] !== before.times[name]);
        assert.equal(restarted.length, 1, restarted.join(" "));
      }
      await stack.up();
      await whole();
    });
    assert.match(await stack.up(), /^ +\d+ unchanged$/m);
  });

  it("made by hand on nodes are seen by status and preview, and healed by up", async () => {
    await underLoad(stack, async () => {
      for (const { on, deed } of byHand) await machines.on(on, deed);
      await machines.on(
        "postgresql1",
        "patronictl -c /etc/patroni/patroni.yml edit-config --force -s member_slots_ttl=60",
      );
      await until("etcd to have the configuration", 10, async () => {
        const found = (await status()).warnings.join("\n");
        return [...byHand.map(({ said }) => said), "member_slots_ttl is not as the settings have it"].every((said) =>
          found.includes(said),
        );
      });
      const preview = await stack.mustPulumi("preview", "--non-interactive");
      for (const { on, said } of byHand)
        assert.match(preview, new RegExp(`${on}: .*${said.replace(/[().]/g, "\\$&")}`));
      await stack.up();
      for (const { on, healed } of byHand) await machines.on(on, healed);
      await whole();
    });
    assert.match(await stack.up(), /^ +\d+ unchanged$/m);
  });

  it("with roles and rights are seen by status and healed by up", async () => {
    const deeds: [string, string, RegExp][] = [
      ["ALTER ROLE app PASSWORD 'other'", "postgres", /role app has another password/],
      ["REVOKE CONNECT ON DATABASE app FROM app", "postgres", /role app may not connect/],
      ["DROP SCHEMA pgha CASCADE", "postgres", /PgBouncer cannot look passwords up/],
      [
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION app_owner",
        "app",
        /role app gets no rights to tables/,
      ],
      ["DROP DATABASE app WITH (FORCE)", "postgres", /database .*app.* does not exist/],
    ];
    for (const [sql, database, said] of sample(deeds, 2)) {
      await machines.superuser(sql, database);
      assert.match((await status()).warnings.join("\n"), said);
      await stack.up();
      await whole();
      await query(machines.cluster, "ownerUrl", "CREATE TABLE IF NOT EXISTS t (i int)");
      await query(machines.cluster, "pooledUrl", "INSERT INTO t VALUES (1)");
    }
  });

  it("by ALTER SYSTEM are told by status: those that the settings would refuse are a problem, others are noted", async () => {
    await machines.superuser("ALTER SYSTEM SET synchronous_commit = 'local'");
    await machines.superuser("ALTER SYSTEM SET work_mem = '5MB'");
    const { warnings, notes } = await status();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /ALTER SYSTEM has set synchronous_commit: a commit must wait for its standby/);
    assert.match(notes.join("\n"), /ALTER SYSTEM has set work_mem, before what the settings say/);
    for (const name of ["synchronous_commit", "work_mem"]) await machines.superuser(`ALTER SYSTEM RESET ${name}`);
    const { whole, notes: left } = await status();
    assert.deepEqual([whole, left], [true, []]);
  });

  it("such as doing it at noon cut no session, however long it runs: a changed setting of HAProxy, renewed certificates", async () => {
    const pid = "SELECT pg_backend_pid() AS pid";
    const doors = ["writeUrl", "readUrl", "pooledUrl", "ownerUrl"] as const;
    const sessions = await Promise.all(
      doors.map(async (door) => {
        const client = await connect(machines.cluster, door, { query_timeout: 0 });
        const before = (await client.query<{ pid: number }>(pid)).rows[0];
        return { door, client, before, slept: client.query("SELECT pg_sleep(60)").then(() => "slept", String) };
      }),
    );
    const oldWorkers = async () => (await status()).proxies[0]!.haproxy?.oldWorkers?.length;
    const worker = () =>
      machines.on("haproxy1", "echo 'show info' | socat -t 5 - /run/haproxy/admin.sock | sed -n 's/^Pid: //p'");

    stack.set({ haproxy: { maxReplicaLag: 32 } });
    await stack.up();
    await until("status to show the old worker", 10, async () => (await oldWorkers()) === 1);
    await whole();
    const current = await worker();
    stack.set({ certificates: { validityDays: 100, renewDays: 30 } });
    await stack.up();
    assert.equal(await worker(), current, "no reload for a certificate");
    assert.equal((await status()).certificates.at(-1)!.days, 99);

    for (const { door, client, before, slept } of sessions) {
      assert.equal(await slept, "slept", door);
      if (door !== "pooledUrl") assert.deepEqual((await client.query(pid)).rows[0], before, door);
      await client.end();
    }
    await until("the old worker to end with its sessions", 30, async () => (await oldWorkers()) === 0);
  });

  it("of whoever kills an up and takes its change back leave nothing behind", async () => {
    await underLoad(stack, async () => {
      for (const seconds of moments) {
        stack.set({ postgresql: { parameters: { max_prepared_transactions: 10 } }, pool: { size: 21 } });
        const up = stack.startUp();
        const ended = new Promise((resolve) => up.once("exit", resolve));
        await Promise.race([ended, pause(seconds * 1000)]);
        if (up.exitCode === null) process.kill(-up.pid!, "SIGKILL");
        await ended;
        await stack.pulumi("cancel", "--yes");
        stack.set({ postgresql: {}, pool: {} });
        await stack.up();
        const { warnings, database } = await status();
        assert.deepEqual(warnings, [], `killed after ${seconds} s`);
        for (const { name } of database) {
          const psql = "runuser -u postgres -- psql -XAtq -d postgres -c 'SHOW max_prepared_transactions'";
          assert.equal(await machines.on(name, psql), "0", name);
        }
      }
    });
    assert.match(await stack.up(), /^ +\d+ unchanged$/m);
  });
});
