/** What owners do to their cluster by mistake. Each is refused before anything is changed, or healed by the next `up`; clients go on. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { machinesOf, type Machines } from "../../simulator/machines";
import { connect, query } from "../../simulator/sql";
import { TestStack, until } from "../../simulator/stack";
import type { Status } from "../../ops/status";
import { underLoad } from "./support/under-load";

const nodes = { etcd: 3, postgresql: 3, haproxy: 1 };
const network = { cidr: "10.95.0.0/24" };
const stack = new TestStack("test-mistakes", {
  driver: "incus",
  name: "pgha-mistakes",
  nodes,
  network,
  ports: { write: 18500, read: 18501, stats: 18700, pooled: 18632 },
});

/** Edits that `up` refuses, with what it must name. `back` is what puts the settings right. */
const refused: { edit: Record<string, unknown>; back: Record<string, unknown>; names: RegExp[] }[] = [
  {
    edit: { network: { cidr: "10.96.0.0/24" } },
    back: { network },
    names: [/network\.cidr .* 10\.95\.0\.0\/24 to 10\.96/],
  },
  {
    edit: { name: "pgha-mistake2" },
    back: { name: "pgha-mistakes" },
    names: [/pgha:name .* pgha-mistakes to pgha-mistake2/],
  },
  {
    edit: { database: { name: "other" } },
    back: { database: {} },
    names: [/database\.name .* app to other/, /empty database/],
  },
  { edit: { database: { user: "other" } }, back: { database: {} }, names: [/database\.user .* app to other/] },
  {
    edit: {
      postgresql: {
        parameters: {
          shared_preload_libraries: "pg_stat_statments",
          log_min_duration: "1s",
          work_mem: "64 MiB",
          timezone: "Mars/Phobos",
        },
      },
    },
    back: { postgresql: {} },
    names: [/pg_stat_statments/, /log_min_duration_statement/, /work_mem/, /Mars\/Phobos/],
  },
  { edit: { nodes: { etcd: 4, postgresql: 3, haproxy: 1 } }, back: { nodes }, names: [/pgha:nodes\.etcd/] },
  { edit: { clock: "quick" }, back: { clock: "fast" }, names: [/pgha:clock/] },
];

/** Things done by hand to a node, what `status` says of them, and how it is seen that they are undone. None of them cuts a client. */
const byHand: { on: string; deed: string; said: string; healed: string }[] = [
  {
    on: "etcd2",
    deed: "echo '# edited' >>/etc/etcd/etcd.yml",
    said: "/etc/etcd/etcd.yml has been changed",
    healed: "! grep edited /etc/etcd/etcd.yml",
  },
  {
    on: "etcd3",
    deed: "chmod 0666 /etc/etcd/etcd.yml",
    said: "/etc/etcd/etcd.yml has been changed",
    healed: "[ $(stat -c %a /etc/etcd/etcd.yml) = 640 ]",
  },
  {
    on: "postgresql1",
    deed: "nft delete table inet pgha",
    said: "the packet filter is not loaded",
    healed: "nft list table inet pgha",
  },
  {
    on: "postgresql2",
    deed: "systemctl stop pgha-guard",
    said: "pgha-guard does not run (inactive)",
    healed: "systemctl is-active pgha-guard",
  },
  {
    on: "postgresql3",
    deed: "rm /etc/pgha/guard.json",
    said: "/etc/pgha/guard.json is missing",
    healed: "[ -s /etc/pgha/guard.json ]",
  },
  {
    on: "haproxy1",
    deed: "systemctl disable --now pgha-gate",
    said: "pgha-gate does not run (inactive)",
    healed: "systemctl is-enabled pgha-gate",
  },
  {
    on: "haproxy1",
    deed: "rm /etc/ssh/sshd_config.d/20-pgha-limits.conf",
    said: "/etc/ssh/sshd_config.d/20-pgha-limits.conf is missing",
    healed: "[ -s /etc/ssh/sshd_config.d/20-pgha-limits.conf ]",
  },
];

/** Seconds after which an `up` is killed: by default one that has just begun to change nodes, and one in the middle of it. */
const moments = (process.env.PGHA_KILLS_AT ?? "4,8").split(",").map(Number);

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
  const onLeader = async (sql: string, database = "postgres") => {
    const { leader } = await status();
    return machines.on(leader!, `runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d ${database} -c "${sql}"`);
  };

  it("in settings are refused, and change nothing", async () => {
    for (const { edit, back, names } of refused) {
      stack.set(edit);
      const { code, stdout, stderr } = await stack.pulumi("up", "--yes", "--skip-preview", "--non-interactive");
      stack.set(back);
      const said = stdout + stderr;
      assert.notEqual(code, 0, JSON.stringify(edit));
      for (const name of names) assert.match(said, name);
      assert.doesNotMatch(said, /^ +\S+ \d+ (created|updated|deleted|replaced)$/m);
    }
    assert.match(await stack.up(), /^ +\d+ unchanged$/m);
    await whole();
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
      ["DROP SCHEMA pgha CASCADE", "app", /PgBouncer cannot look passwords up/],
      [
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION app_owner",
        "app",
        /role app gets no rights to tables/,
      ],
      ["DROP DATABASE app WITH (FORCE)", "postgres", /database .*app.* does not exist/],
    ];
    for (const [sql, database, said] of deeds) {
      await onLeader(sql, database);
      assert.match((await status()).warnings.join("\n"), said);
      await stack.up();
      await whole();
      await query(machines.cluster, "ownerUrl", "CREATE TABLE IF NOT EXISTS t (i int)");
      await query(machines.cluster, "pooledUrl", "INSERT INTO t VALUES (1)");
    }
  });

  it("such as doing it at noon cut no session, however long it runs: a changed setting of HAProxy, renewed certificates", async () => {
    const pid = "SELECT pg_backend_pid() AS pid";
    const doors = ["writeUrl", "readUrl", "pooledUrl", "ownerUrl"] as const;
    const sessions = await Promise.all(
      doors.map(async (door) => {
        const client = await connect(machines.cluster, door, { query_timeout: 0 });
        const before = (await client.query<{ pid: number }>(pid)).rows[0];
        return { door, client, before, slept: client.query("SELECT pg_sleep(90)").then(() => "slept", String) };
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
