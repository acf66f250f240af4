/** What clients are promised, on a running cluster. */
import assert from "node:assert/strict";
import type { Machines } from "../../../simulator/machines";
import { connect, query } from "../../../simulator/sql";
import { run } from "../../../simulator/stack";

/** Declares the tests. @param machines gives the cluster once it is up */
export function serviceChecks(machines: () => Machines): void {
  describe("serves clients", () => {
    const cluster = () => machines().cluster;
    const admin = (haproxy: string, command: string) =>
      machines().on(haproxy, `echo '${command}' | socat - /run/haproxy/admin.sock`);

    it("the application's role works with rows of the owner's tables, and makes none", async () => {
      await query(cluster(), "ownerUrl", "CREATE TABLE rights (id serial PRIMARY KEY, word text)");
      await query(cluster(), "pooledUrl", "INSERT INTO rights (word) VALUES ('mine')");
      await query(cluster(), "pooledUrl", "UPDATE rights SET word = 'still mine'");
      assert.deepEqual(await query(cluster(), "pooledUrl", "SELECT word FROM rights"), [{ word: "still mine" }]);
      for (const forbidden of [
        "CREATE TABLE other ()",
        "DROP TABLE rights",
        "TRUNCATE rights",
        "CREATE ROLE other",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "SELECT * FROM pg_authid",
        "COPY rights TO PROGRAM 'cat'",
      ]) {
        await assert.rejects(query(cluster(), "pooledUrl", forbidden), /permission denied|must be owner/, forbidden);
      }
      await query(cluster(), "ownerUrl", "DROP TABLE rights");
    });

    it("the database holds nothing of the cluster's: its owner dumps all of it", async () => {
      const dump = await machines().on(
        "postgresql1",
        "runuser -u postgres -- pg_dump --schema-only -h /var/run/postgresql -U app_owner app",
      );
      assert.match(dump, /PostgreSQL database dump complete/);
      assert.doesNotMatch(dump, /pgha|pgbouncer/);
    });

    it("1000 clients share at most 50 server connections of a proxy", async () => {
      // A thousand TLS handshakes and password proofs at once take this program some seconds.
      const clients = await Promise.all(
        Array.from({ length: 1000 }, () => connect(cluster(), "pooledUrl", { connectionTimeoutMillis: 30_000 })),
      );
      try {
        const answers = await Promise.all(clients.map((client, index) => client.query("SELECT $1::int AS n", [index])));
        assert.deepEqual(
          answers.map(({ rows }) => (rows[0] as { n: number }).n),
          Array.from({ length: 1000 }, (_, index) => index),
        );
        const count = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = $1";
        const { database } = cluster().facts;
        // By one of them: with 1000 the proxy is full.
        const { rows } = await clients[0]!.query<{ n: number }>(count, [database.user]);
        assert.ok(rows[0]!.n <= 50, `${rows[0]!.n} server connections`);
        await assert.rejects(
          connect(cluster(), "pooledUrl"),
          /client connections exceeded|no more connections allowed/,
        );
      } finally {
        await Promise.all(clients.map((client) => client.end()));
      }
    });

    it("a named prepared statement works through the pool", async () => {
      const client = await connect(cluster(), "pooledUrl");
      try {
        for (const n of [1, 2, 3]) {
          // Each in a transaction of its own, so each may land on another server connection.
          const { rows } = await client.query({ name: "double", text: "SELECT $1::int * 2 AS n", values: [n] });
          assert.deepEqual(rows, [{ n: 2 * n }]);
        }
      } finally {
        await client.end();
      }
    });

    it("reads go to the leader when no replica is left", async () => {
      const database = cluster().nodes.filter(({ role }) => role === "postgresql");
      const each = (state: string) =>
        Promise.all(database.map(({ name }) => admin("haproxy1", `set server replicas/${name} state ${state}`)));
      const recovering = async () => (await query(cluster(), "readUrl", "SELECT pg_is_in_recovery() AS it"))[0]?.it;
      assert.equal(await recovering(), true);
      await each("maint");
      try {
        assert.equal(await recovering(), false);
      } finally {
        await each("ready");
      }
    });

    it("metrics are there for Prometheus, with the password", async () => {
      const { statsUrls, statsPassword } = cluster().outputs;
      const url = new URL("metrics", statsUrls[0]);
      // The password goes in by standard input: arguments are for everybody to see.
      const config = `user = "pgha:${statsPassword}"`;
      const { stdout } = await run("curl", ["-sSk", "--max-time", "5", "--config", "-", url.href], { input: config });
      assert.match(stdout, /^haproxy_backend_active_servers\{proxy="primary"\} 1$/m);
      const { stdout: refused } = await run("curl", ["-sSk", "-o", "/dev/null", "-w", "%{http_code}", url.href]);
      assert.equal(refused, "401");
    });
  });
}
