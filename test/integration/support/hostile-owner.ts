/** The owner of the database wants to be more than that: nothing an operator does gives it to him. */
import assert from "node:assert/strict";
import type { Client } from "pg";
import { ownerOptions } from "../../../cloud-init/services/patroni/session";
import { quote } from "../../../ops/process";
import { nodesOf } from "../../../ops/cluster";
import { superuserSql } from "../../../ops/ask";
import { clear, evidenceFile, mark, refused, tableTraps, traps } from "./hostile-sql";
import type { Machines } from "../../../simulator/machines";
import { connect } from "../../../simulator/sql";
import type { TestStack } from "../../../simulator/stack";

/** Who is what, and member of what. */
// Without the defaults of his own sessions, which every role may set.
const rights = `SELECT json_build_object('roles', (SELECT json_agg(to_jsonb(r) - 'rolconfig' ORDER BY rolname) FROM pg_roles r WHERE rolname !~ '^pg_'),
  'members', (SELECT json_agg(m ORDER BY m.oid) FROM pg_auth_members m))`;

/** Settings of the owner's that would stop the converge step, or have it do another thing. */
const breaking = [
  "role = 'app_owner'",
  "default_transaction_read_only = on",
  "statement_timeout = 1",
  "lock_timeout = 1",
  "local_preload_libraries = 'nothing'",
  "standard_conforming_strings = off",
];

/** Declares the tests. @param machines gives the cluster once it is up */
export function hostileOwnerChecks(stack: TestStack, machines: () => Machines): void {
  describe("with a hostile owner of the database", () => {
    let owner: Client;
    /** He who lies in wait has a session of his own. */
    let lurker: Client | undefined;
    let poll: NodeJS.Timeout;
    let were: string;
    let marks: string[];
    const database = () => nodesOf(machines().cluster, "postgresql").map(({ name }) => name);
    const everywhere = (script: string) => Promise.all(database().map((name) => machines().on(name, script)));
    // Autovacuum, of no session, computes what his indexes are over; it does so as him, whatever session_user says.
    const autovacuum = `^\\[[0-9]+\\] LOG:  ${mark} app_owner `;
    const evidence = () =>
      everywhere(
        `journalctl --no-pager -o cat -u patroni | grep '${mark} [a-z]' | grep -vE ${quote(autovacuum)} || true`,
      );
    const onLeader = async (script: string) => machines().on(await machines().leader(), script);

    /** Logs in as the owner, with `options` that undo what he has set for himself. */
    const login = () =>
      connect(machines().cluster, "ownerUrl", { options: ownerOptions, connectionTimeoutMillis: 0, query_timeout: 0 });

    /** In a new session, because a switchover may have ended the old one. */
    async function again(): Promise<void> {
      void owner.end().catch(() => undefined);
      owner = await login();
    }

    async function spring(): Promise<void> {
      lurker ??= await login();
      await lurker.query(tableTraps("app_owner"));
    }

    /** Sets a trap at each table a check makes, as soon as it exists. */
    function lieInWait(): void {
      let busy = false;
      poll = setInterval(() => {
        if (busy) return;
        busy = true;
        spring()
          .catch(() => {
            void lurker?.end().catch(() => undefined);
            lurker = undefined;
          }) // a switchover has ended the session
          .finally(() => (busy = false));
      }, 100);
    }

    async function succeeds(...args: string[]): Promise<string> {
      const { code, stdout, stderr } = await stack.pgha(...args);
      assert.equal(code, 0, `pgha ${args.join(" ")}: ${stdout}\n${stderr}`);
      return stdout;
    }

    before(async () => {
      were = await onLeader(superuserSql(rights));
      owner = await login();
      await owner.query(traps("app_owner"));
      await owner.query(`ALTER DATABASE app SET search_path = "$user", public, pg_catalog`);
      for (const setting of ["statement_timeout = 1", "default_transaction_read_only = on", "role = 'app_owner'"])
        await owner.query(`ALTER ROLE app_owner SET ${setting}`);
    });
    after(async () => {
      clearInterval(poll);
      await again();
      await owner.query("ALTER DATABASE app RESET ALL");
      await owner.query("ALTER ROLE app_owner RESET ALL");
      await owner.query(clear);
      for (const client of [owner, lurker]) await client?.end().catch(() => undefined);
    });

    it("(the traps work: a superuser who does not look where he goes is caught)", async () => {
      const careless = "runuser -u postgres -- psql -XAtq -d app -c";
      for (const sql of [
        "SELECT hashint8extended(id, 0) FROM (VALUES (1::bigint)) AS t (id)",
        "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = 'x'",
        "SELECT 'x'::text",
        "SELECT * FROM pg_stat_replication",
      ]) {
        await everywhere(`rm -f ${evidenceFile}`);
        await onLeader(`${careless} ${JSON.stringify(sql)}`);
        assert.match(await onLeader(`cat ${evidenceFile}`), /postgres/, sql);
      }
      await everywhere(`rm -f ${evidenceFile}`);
      marks = await evidence();
      assert.match(marks.join("\n"), new RegExp(`${mark} postgres`));
      lieInWait();
    });

    it("refuses him what makes him more than that", async () => {
      for (const sql of refused("app_owner", "app"))
        await assert.rejects(owner.query(sql), /permission denied|must be (owner|superuser)|must have/i, sql);
    });

    it("is whole, validates, and takes load", async () => {
      await succeeds("status");
      await succeeds("validate", "--quick");
      assert.match(await succeeds("load", "--seconds", "3"), /lost: 0\./);
    });

    it("answers the operator's psql", async () => {
      assert.match(
        await succeeds("psql", "--", "-XAtc", "SELECT count(*) FROM pg_roles WHERE rolname = 'app'"),
        /^1$/m,
      );
    });

    it("goes through a drill", async () => {
      await succeeds("drill", "switchover", "--yes");
    });

    it("converges, its SQL too, whatever he has set", async () => {
      clearInterval(poll);
      await again();
      for (const setting of breaking) await owner.query(`ALTER DATABASE app SET ${setting}`);
      // So that the leader runs it again.
      await onLeader(
        "PGOPTIONS='-c role=none -c search_path=pg_catalog -c local_preload_libraries= -c statement_timeout=0 " +
          "-c default_transaction_read_only=off' runuser -u postgres -- psql -XAtq -d postgres -c 'DELETE FROM pgha.converged'",
      );
      stack.set({ postgresql: { parameters: { log_min_duration_statement: 1432 } } });
      await stack.up();
      await owner.query("ALTER DATABASE app RESET ALL");
    });

    it("and none of it has run as anybody but him, and he is what he was", async () => {
      assert.deepEqual(await evidence(), marks);
      assert.equal((await everywhere(`cat ${evidenceFile} 2>/dev/null || true`)).join(""), "");
      assert.equal(await onLeader(superuserSql(rights)), were);
    });

    it("is told of when he has commits acknowledged too early", async () => {
      await owner.query("ALTER DATABASE app SET synchronous_commit = off");
      const { code, stdout } = await stack.pgha("status");
      assert.equal(code, 1);
      assert.match(stdout, /synchronous_commit off/);
    });
  });
}
