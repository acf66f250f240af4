/** What is left of one client's session for the next, on the pooled ports: nothing; and what a client can still do there. */
import assert from "node:assert/strict";
import { connect as dial } from "node:net";
import type { Client } from "pg";
import type { Machines } from "../../../simulator/machines";
import { connect, query } from "../../../simulator/sql";
import { until } from "../../../simulator/stack";

/** What clients do to their sessions, who then leave. Each is followed by what others must not notice. */
const traces: [title: string, does: string, asks: string, expected: string][] = [
  ["a limit", "SET statement_timeout = '1ms'", "SHOW statement_timeout", "0"],
  ["a search path", "SET search_path = pg_catalog", "SHOW search_path", '"$user", public'],
  [
    "a parameter of its own, as row level security is told by",
    "SET app.tenant = '7'",
    "SELECT current_setting('app.tenant', true)",
    "",
  ],
  ["one set by a function", "SELECT set_config('work_mem', '123MB', false)", "SHOW work_mem", "standard"],
  ["a role", "SET ROLE none; SET ROLE app_owner", "SELECT current_setting('role')", "none"],
  ["a temporary table", "CREATE TEMP TABLE left_over ()", "SELECT to_regclass('left_over')", "null"],
  [
    "a lock",
    "SELECT pg_advisory_lock(4711)",
    "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711",
    "0",
  ],
  [
    "a statement prepared in SQL",
    "PREPARE left_over AS SELECT 1",
    "SELECT count(*)::text FROM pg_prepared_statements WHERE name = 'left_over'",
    "0",
  ],
  ["a channel", "LISTEN left_over", "SELECT count(*)::text FROM pg_listening_channels()", "0"],
  ["a transaction's mode", "SET default_transaction_read_only = on", "SHOW transaction_read_only", "off"],
  [
    "an isolation level",
    "SET default_transaction_isolation = serializable",
    "SHOW transaction_isolation",
    "read committed",
  ],
];

/** Declares the tests. @param machines gives the cluster once it is up */
export function sessionChecks(machines: () => Machines): void {
  const cluster = () => machines().cluster;
  /** As the owner, who may do all of it, through the pool. */
  const pooled = () => {
    const { outputs } = cluster();
    const { username, password } = new URL(outputs.ownerUrl);
    return connect(cluster(), "pooledUrl", { user: username, password });
  };
  async function using<T>(open: () => Promise<Client>, use: (client: Client) => Promise<T>): Promise<T> {
    const client = await open();
    try {
      return await use(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  describe("a session on the pooled port", () => {
    before(async () => {
      await query(cluster(), "ownerUrl", "CREATE TABLE sessions (id int)");
    });
    after(() => query(cluster(), "ownerUrl", "DROP TABLE sessions"));

    for (const [title, does, asks, expected] of traces) {
      it(`leaves nobody ${title}`, async () => {
        const ask = () =>
          using(pooled, async (client) =>
            String(
              (Object.values((await client.query(asks)).rows[0] as object)[0] as unknown) ??
                (expected === "" ? "" : null),
            ),
          );
        const usual = expected === "standard" ? await ask() : expected;
        await using(pooled, (client) => client.query(does));
        for (let n = 0; n < 20; n++) assert.equal(await ask(), usual);
      });
    }

    it("keeps what its driver has set it to: read-only is read-only, for itself alone", async () => {
      await using(pooled, async (client) => {
        await client.query("SET default_transaction_read_only = on");
        for (let n = 0; n < 5; n++) {
          await assert.rejects(client.query("INSERT INTO sessions VALUES (1)"), /read-only transaction/);
          await using(pooled, (other) => other.query("INSERT INTO sessions VALUES (1)"));
        }
      });
    });

    it("goes on with its prepared statements when a table changes", async () => {
      await using(pooled, async (client) => {
        const read = { name: "all-of-it", text: "SELECT * FROM sessions LIMIT 1" };
        for (let n = 0; n < 3; n++) assert.deepEqual(Object.keys((await client.query(read)).rows[0] as object), ["id"]);
        await query(cluster(), "ownerUrl", "ALTER TABLE sessions ADD COLUMN word text");
        const later = ["id", "word"];
        assert.deepEqual(Object.keys((await client.query(read)).rows[0] as object), later);
        for (let n = 0; n < 10; n++)
          await using(pooled, async (other) =>
            assert.deepEqual(Object.keys((await other.query(read)).rows[0] as object), later),
          );
      });
    });

    it("is refused what it would not get: a parameter at its start", async () => {
      for (const [options, word] of [
        ["-c search_path=pg_catalog", "search_path"],
        ["-c statement_timeout=5s", "statement_timeout"],
      ]) {
        await assert.rejects(
          connect(cluster(), "pooledUrl", { options }),
          new RegExp(`unsupported startup parameter.*${word}`),
        );
      }
      await using(
        () => connect(cluster(), "pooledUrl", { options: "-c default_transaction_read_only=on" }),
        async (client) => {
          for (let n = 0; n < 3; n++)
            assert.deepEqual((await client.query("SHOW transaction_read_only")).rows, [
              { transaction_read_only: "on" },
            ]);
        },
      );
    });
  });

  describe("a cancel", () => {
    /** Cancels what a client does, through a proxy: a connection of its own. */
    const cancel = (client: Client, port: number) =>
      new Promise<void>((resolve, reject) => {
        const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
        const message = Buffer.alloc(16);
        [16, 80877102, processID, secretKey].forEach((word, index) => message.writeInt32BE(word | 0, 4 * index));
        const socket = dial(port, "127.0.0.1", () => socket.end(message));
        socket.on("error", reject).on("close", () => resolve());
      });

    for (const [use, door] of [
      ["pooled", "pooledUrl"],
      ["pooledRead", "pooledReadUrl"],
      ["write", "writeUrl"],
      ["read", "readUrl"],
    ] as const) {
      it(`ends the statement on the port ${use}, through any proxy`, async () => {
        // PgBouncer knows its own, and hands on those of others; past it, a cancel finds its way by where it comes from.
        for (const proxy of cluster().facts.proxies) {
          for (let n = 0; n < 4; n++) {
            await using(
              () => connect(cluster(), door),
              async (client) => {
                const began = Date.now();
                const slept = assert.rejects(
                  client.query("SELECT pg_sleep(15)"),
                  /canceling statement due to user request/,
                );
                await until("the statement to be cancelled", 10, async () => {
                  await cancel(client, proxy.ports[use]);
                  return Promise.race([
                    slept.then(() => true),
                    new Promise<boolean>((resolve) => setTimeout(resolve, 300, false)),
                  ]);
                });
                assert.ok(Date.now() - began < 10_000);
              },
            );
          }
        }
      });
    }
  });

  describe("logging in to the pooled port", () => {
    it("never waits for the pool: not while every connection of it is in a long statement", async () => {
      const many = await Promise.all(Array.from({ length: 60 }, () => connect(cluster(), "pooledUrl")));
      try {
        const long = Promise.all(many.map((client) => client.query("SELECT pg_sleep(3)")));
        const [first] = cluster().facts.proxies;
        const leader = await machines().leader();
        const busy = `runuser -u postgres -- psql -XAtqc "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"`;
        await until("the pool to be used up", 10, async () => (await machines().on(leader, busy)).trim() === "50");
        for (let n = 0; n < 5; n++)
          await (
            await connect(cluster(), "pooledUrl", { port: first!.ports.pooled, connectionTimeoutMillis: 2000 })
          ).end();
        await long;
      } finally {
        await Promise.all(many.map((client) => client.end()));
      }
    });
  });

  describe("the pooled read port", () => {
    it("leads to every replica, and to no leader", async () => {
      const replicas = new Set<string>();
      await until("every replica to have served", 20, async () => {
        const [row] = await query(
          cluster(),
          "pooledReadUrl",
          "SELECT host(inet_server_addr()) AS at, pg_is_in_recovery() AS replica",
        );
        assert.equal(row!.replica, true);
        replicas.add(row!.at as string);
        return replicas.size === cluster().nodes.filter(({ role }) => role === "postgresql").length - 1;
      });
    });
  });
}
