/** Logins that must be refused, on a running cluster: by every role, on every port, with all that drivers refuse to send. */
import assert from "node:assert/strict";
import type { ConnectionOptions } from "node:tls";
import { ports } from "../../../settings/ports";
import { superuserPsql } from "../../../ops/ask";
import { nodesOf } from "../../../ops/cluster";
import { sshRunner } from "../../../ops/ssh";
import { worthless } from "./identities";
import type { Machines } from "../../../simulator/machines";
import { tryLogin, type Login, type Outcome } from "./scram-client";
import { connect } from "../../../simulator/sql";
import type { TestStack } from "../../../simulator/stack";

/** A login and what it is. */
type Attempt = Login & { what: string };

/** How long a refusal may take, ms. */
const patience = 3000;

/** What a server may say to somebody it does not let in: nothing that he has not said himself. */
const harmless: RegExp[] = [
  // Straight to PostgreSQL: the packet filter of its machine lets this host no further.
  /ECONNREFUSED .*:5432$/,
  // PgBouncer
  /^(SASL authentication failed|no authentication method is found|not allowed|bouncer config error|SSL required)$/,
  /^(username|database name) too long$/,
  /^no such database: /,
  // PostgreSQL. It names the address and what the client has asked for.
  /^(password|certificate) authentication failed for user "|^connection requires a valid client certificate$/,
  // To somebody who knows the password.
  /^role "app" is not permitted to log in$/,
  /^(no pg_hba\.conf entry|pg_hba\.conf rejects connection) for (replication connection from )?host "[\d.]+", user "/,
  // TLS, and no words at all
  /alert|^closed|ECONNRESET|EPIPE|socket hang up|^no TLS/,
];

const oldTls = (version: "TLSv1" | "TLSv1.1"): ConnectionOptions => ({
  minVersion: version,
  maxVersion: version,
  ciphers: "DEFAULT@SECLEVEL=0",
});

const long = "a".repeat(10_240);

/** Roles the superuser makes for this: none of them may come in by the network. With the password `right`. */
const strangers = `
CREATE ROLE hostile_operator LOGIN PASSWORD 'right';
CREATE ROLE hostile_expired LOGIN PASSWORD 'right' VALID UNTIL '2000-01-01';
SET password_encryption = md5;
CREATE ROLE hostile_md5 LOGIN PASSWORD 'right';
CREATE ROLE hostile_none LOGIN;
CREATE ROLE hostile_super LOGIN SUPERUSER PASSWORD 'right';
`;
const strangerNames = [...strangers.matchAll(/CREATE ROLE (\w+)/g)].map(([, name]) => name!);

/** Declares the tests. @param machines gives the cluster once it is up */
export function hostileLogins(stack: Pick<TestStack, "mustPulumi">, machines: () => Machines): void {
  describe("lets nobody in who does not belong", () => {
    let leader: string;
    /** Runs SQL as superuser on the leader, sent on standard input: sudo logs the words of a command. */
    const sql = async (text: string) => {
      const stdin = `SET client_min_messages = error;\n${text}\n`;
      const { code, stdout, stderr } = await sshRunner(machines().cluster).run(leader, superuserPsql, {
        stdin,
      });
      assert.equal(code, 0, stderr);
      return stdout.trim();
    };
    const at = (role: "haproxy" | "postgresql") => nodesOf(machines().cluster, role)[0]!.address;
    const doors = () => [ports.pooled, ports.write, ports.read].map((port) => ({ host: at("haproxy"), port }));
    const straight = () => ({ host: at("postgresql"), port: ports.postgresql });
    const right = (who: "app" | "app_owner") => {
      const { outputs } = machines().cluster;
      return new URL(who === "app" ? outputs.pooledUrl : outputs.ownerUrl).password;
    };
    const forget = () => sql(`DROP ROLE IF EXISTS ${strangerNames.join(", ")};`);

    before(async () => {
      leader = await machines().leader();
      await forget();
      await sql(strangers);
    });
    after(forget);

    /** Tries them, some at a time; what was let in, slow or told too much is the failure. */
    async function allRefused(attempts: Attempt[]): Promise<Outcome[]> {
      const outcomes: Outcome[] = new Array<Outcome>(attempts.length);
      const queue = attempts.entries();
      const worker = async () => {
        for (const [index, attempt] of queue) outcomes[index] = await tryLogin(attempt);
      };
      await Promise.all(Array.from({ length: 4 }, worker));
      const wrong = outcomes.flatMap((outcome, index) => {
        const { what, user, port } = attempts[index]!;
        const name = `${what}: ${user.slice(0, 40)} on ${port}`;
        if (outcome.in) return [`${name} was let in`];
        if (outcome.took > patience) return [`${name} took ${outcome.took} ms`];
        return harmless.some((words) => words.test(outcome.said)) ? [] : [`${name} was told: ${outcome.said}`];
      });
      assert.deepEqual(wrong, []);
      return outcomes;
    }

    /** The right passwords open the doors that they are for. */
    async function theRightOnes(): Promise<void> {
      for (const user of ["app", "app_owner"] as const) {
        for (const door of doors()) {
          const outcome = await tryLogin({ ...door, user, database: "app", password: right(user) });
          assert.ok(outcome.in, `${user} on ${door.port}: ${outcome.said}`);
        }
      }
    }

    /** Every door, and PostgreSQL itself from where no proxy is. */
    const everywhere = (attempt: Omit<Attempt, "host" | "port">): Attempt[] =>
      [...doors(), straight()].map((door) => ({ ...attempt, ...door }));

    it("a table of hostile logins, each refused at once, and the pools are as they were", async () => {
      await theRightOnes();
      const pids = () => machines().on("haproxy1", "systemctl show -P MainPID pgbouncer haproxy");
      const before = await pids();
      const inside = await connect(machines().cluster, "pooledUrl");
      const certificates = await worthless(stack);
      const database = "app";
      const roles = ["app", "app_owner", "pgbouncer", "postgres", "replicator", "rewind_user", "nobody"];
      const names = [
        "app' OR '1'='1",
        'app"; DROP ROLE app; --',
        "app\nx",
        "APP",
        " app",
        "app\t",
        "all",
        "$1",
        "%s%n",
        long,
      ];
      const password = right("app");
      const withPassword = (user: string, word: string) =>
        everywhere({ what: `password '${word}'`, user, database, password: word });
      const attempts: Attempt[] = [
        ...roles.flatMap((user) => ["", "wrong", "md5"].flatMap((word) => withPassword(user, word))),
        ...strangerNames.flatMap((user) => ["right", "md5"].flatMap((word) => withPassword(user, word))),
        ...names.flatMap((user) => everywhere({ what: "an odd name", user, database, password })),
        ...everywhere({ what: "a long password", user: "app", database, password: long }),
        ...["pgbouncer", "postgres", "template1", "template0", "app' --", "all", long].flatMap((other) =>
          everywhere({ what: `database ${other.slice(0, 10)}`, user: "app", database: other, password }),
        ),
        // PgBouncer takes `database` for a session as any other, and PostgreSQL then refuses what is asked in it.
        ...["app", "replicator"].flatMap((user) =>
          everywhere({ what: "replication", user, database, password, startup: { replication: "true" } }),
        ),
        ...everywhere({ what: "plaintext", user: "app", database, password, tls: false }),
        ...(["TLSv1", "TLSv1.1"] as const).flatMap((version) =>
          everywhere({ what: version, user: "app", database, password, tls: oldTls(version) }),
        ),
        ...Object.entries(certificates).flatMap(([what, tls]) =>
          ["pgbouncer", "replicator", "rewind_user", "postgres"].flatMap((user) =>
            everywhere({ what, user, database: user === "rewind_user" ? "postgres" : database, tls: { ...tls } }),
          ),
        ),
        { what: "not through a proxy", user: "app", database, password, ...straight() },
        { what: "not through a proxy", user: "app_owner", database, password: right("app_owner"), ...straight() },
      ];
      const outcomes = await allRefused(attempts);
      console.log(
        `      ${attempts.length} logins refused, the slowest after ${Math.max(...outcomes.map(({ took }) => took))} ms`,
      );
      // The pool serves who was in, and who comes.
      assert.deepEqual((await inside.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
      await inside.end();
      assert.equal(await pids(), before, "no daemon has restarted");
      await theRightOnes();
    });

    const verifiers =
      "SELECT format('ALTER ROLE %I PASSWORD %L;', rolname, rolpassword) FROM pg_authid WHERE rolname = 'app'";
    const states: Record<string, string> = {
      "whose password is another one now": "ALTER ROLE app PASSWORD 'another';",
      "whose password has expired": "ALTER ROLE app VALID UNTIL '2000-01-01';",
      "that has an md5 password": "SET password_encryption = md5; ALTER ROLE app PASSWORD 'another';",
      "that has no password": "ALTER ROLE app PASSWORD NULL;",
      "that may not log in": "ALTER ROLE app NOLOGIN;",
      "that may replicate": "ALTER ROLE app REPLICATION;",
      "that was made superuser": "ALTER ROLE app SUPERUSER;",
    };
    for (const [state, change] of Object.entries(states)) {
      it(`a role ${state}`, async () => {
        const restore = await sql(verifiers);
        const inside = await connect(machines().cluster, "pooledUrl");
        try {
          await sql(change);
          // Straight through HAProxy PostgreSQL decides, and to it a role with more rights is still that role.
          const more = /REPLICATION|SUPERUSER/.test(change);
          const asked = more ? doors().slice(0, 1) : doors().slice(0, 2);
          await allRefused(
            asked.flatMap((door) =>
              [right("app"), "", "md5"].map((word) => ({
                what: state,
                user: "app",
                database: "app",
                password: word,
                ...door,
              })),
            ),
          );
        } finally {
          await sql(`ALTER ROLE app LOGIN NOREPLICATION NOSUPERUSER VALID UNTIL 'infinity'; ${restore}`);
        }
        assert.deepEqual((await inside.query("SELECT 1 AS one")).rows, [{ one: 1 }]);
        await inside.end();
        await theRightOnes();
      });
    }

    it("whoever looks verifiers up gets those of the two roles that may come in, and no other", async () => {
      const all = await sql(
        "SELECT string_agg(r.rolname, ' ' ORDER BY r.rolname) FROM pg_roles r, pgha.lookup(r.rolname) WHERE verifier IS NOT NULL",
      );
      assert.equal(all, "app app_owner");
    });
  });
}
