/** What is left in the journals of who came and what was done, and that no secret is, on a running cluster. */
import assert from "node:assert/strict";
import { ports } from "../../../settings/ports";
import { superuserPsql } from "../../../ops/ask";
import { nodesOf } from "../../../ops/cluster";
import { sshRunner } from "../../../ops/ssh";
import type { FailedLogins } from "../../../ops/status/model";
import type { Machines } from "../../../simulator/machines";
import { tryLogin } from "./scram-client";
import { query } from "../../../simulator/sql";
import type { TestStack } from "../../../simulator/stack";

/** Declares the tests. @param machines gives the cluster once it is up */
export function foundOut(stack: Pick<TestStack, "pgha">, machines: () => Machines): void {
  describe("leaves a line", () => {
    let leader: string;
    before(async () => {
      leader = await machines().leader();
    });
    /** A journal since a moment. journald takes lines up some milliseconds after they were written. */
    const journal = async (node: string, since: number, ...units: string[]) => {
      await new Promise((resume) => setTimeout(resume, 300));
      return machines().on(node, `journalctl -q --no-pager -o cat --since @${since / 1000} ${units.join(" ")}`);
    };

    it("a failed login on 6432 and on 5000 is in `pgha status`, with the client's own address", async () => {
      const { address, name } = nodesOf(machines().cluster, "haproxy")[0]!;
      // On its own network the cluster sees this machine as the bridge's first address.
      const own = address.replace(/\d+$/, "1");
      const failed = async () => {
        const { stdout } = await stack.pgha("status", "--json");
        return (JSON.parse(stdout) as { failedLogins: FailedLogins }).failedLogins;
      };
      const count = ({ most }: FailedLogins, role: string) =>
        most.find((kind) => kind.role === role && kind.address === own)?.count ?? 0;
      const before = await failed();
      const tries = { app: { port: ports.pooled, times: 12 }, app_owner: { port: ports.write, times: 11 } };
      for (const [user, { port, times }] of Object.entries(tries)) {
        for (let time = 0; time < times; time++)
          assert.equal((await tryLogin({ host: address, port, user, database: "app", password: "wrong" })).in, false);
      }
      await new Promise((resume) => setTimeout(resume, 300));
      const after = await failed();
      assert.equal(count(after, "app") - count(before, "app"), tries.app.times, JSON.stringify(after));
      assert.equal(
        count(after, "app_owner") - count(before, "app_owner"),
        tries.app_owner.times,
        JSON.stringify(after),
      );
      const { stdout } = await stack.pgha("status");
      assert.match(stdout, new RegExp(`^  - \\d+ as app from ${own}$`, "m"), `seen on ${name}`);
    });

    it("a session, with its role and the client's address; DDL, but no row", async () => {
      const since = Date.now();
      await query(machines().cluster, "ownerUrl", "CREATE TABLE found_out (word text)");
      await query(machines().cluster, "ownerUrl", "INSERT INTO found_out VALUES ('a row')");
      await query(machines().cluster, "ownerUrl", "DROP TABLE found_out");
      const lines = await journal(leader, since, "-u patroni");
      assert.match(lines, /connection authorized: user=app_owner database=app/);
      assert.match(lines, /app_owner@app LOG: {2}statement: CREATE TABLE found_out \(word text\)/);
      assert.doesNotMatch(lines, /a row/);
      // A health check's connection says nothing and leaves nothing.
      assert.doesNotMatch(lines, /connection received/);
      const seen = /\] (\S+)\((\d+)\) app_owner@app LOG: {2}connection authorized/.exec(lines)!;
      const proxy = nodesOf(machines().cluster, "haproxy").find(({ address }) => address === seen[1])!;
      const sessions = await journal(proxy.name, since, "-u haproxy");
      assert.match(sessions, new RegExp(`^client \\S+ as ${seen[1]}:${seen[2]} by write to ${leader} --$`, "m"));
    });

    it("a password's change, without the password, in however many lines it is typed", async () => {
      const since = Date.now();
      const typed = [
        "CREATE ROLE found_out LOGIN PASSWORD 'geheim-0';",
        "ALTER ROLE found_out PASSWORD 'geheim-1';",
        "ALTER ROLE found_out\n  PASSWORD 'geheim-2';",
        "ALTER ROLE found_out\n  PASSWORD\n  'geheim-3';",
        "ALTER ROLE found_out PASSWORD $$geheim-4$$;",
        "alter user found_out encrypted password E'geheim-5';",
        "ALTER ROLE found_out PASSWROD 'geheim-6';", // refused, so it is logged with the error
        "ALTER ROLE found_out\n  PASSWORD 'geheim-7\n geheim-8\n' VALID UNTIL 'nonsense';",
        "CREATE SUBSCRIPTION found_out CONNECTION 'postgresql://me:geheim-9@nowhere/x' PUBLICATION y WITH (connect = false, slot_name = NONE);",
        "DROP SUBSCRIPTION IF EXISTS found_out;",
        "CREATE USER found_out PASSWORD 'geheim-10';", // is there already
        "DROP ROLE found_out;",
      ];
      // Each in a session of its own that ends at once: what it wrote is read after it has gone. Sent on standard input, for sudo
      // logs the words of a command.
      const runner = sshRunner(machines().cluster);
      for (const stdin of typed) await runner.run(leader, superuserPsql, { stdin });
      const lines = await journal(leader, since);
      assert.doesNotMatch(lines, /geheim/);
      assert.equal(lines.match(/statement: (ALTER ROLE|alter user) found_out/g)?.length, 6, lines);
      assert.match(lines, /statement: CREATE ROLE found_out LOGIN PASSWORD \.\.\./);
    });

    it("an operator's superuser session and commands, without SQL", async () => {
      const since = Date.now();
      const { code } = await stack.pgha("psql", "--", "-c", "SELECT 'geheim'");
      assert.equal(code, 0);
      // What somebody runs as root by sudo is in sudo's own line.
      await stack.pgha("ssh", leader, "--", "echo", "geheim");
      const lines = await journal(leader, since, "-t pgha");
      assert.match(lines, /^\S+@\S+: opened a superuser session on the leader, from \S+$/m);
      assert.match(lines, /^\S+@\S+: ran a command, from \S+$/m);
      assert.match(
        await journal(leader, since, "-u patroni"),
        /connection authorized: user=postgres database=app application_name=pgha \S+@\S+$/m,
      );
      assert.doesNotMatch(await journal(leader, since), /geheim/);
    });
  });
}
