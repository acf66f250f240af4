import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import { parseIntoClientConfig } from "pg-connection-string";
import { clusterPool } from "../../../docs/clients/pool";
import { assignments } from "../../../ops/clients/assign";
import { clientEnv } from "../../../ops/clients/command";
import { connectionOf, loginNamed } from "../../../ops/clients/connection";
import { kinds } from "../../../ops/clients/kinds";
import { caFile } from "../../../ops/cluster";
import { migrateCommand, migrationEnv } from "../../../ops/migrate";
import { behindBastion, fakeCluster, fakeReached } from "../support/ops-fixture";

/** What `pgha env` prints, as a reader of .env files reads it. */
const variablesOf = (kind: string, options: { role?: string; showSecrets?: boolean } = {}, cluster = fakeCluster()) =>
  parseEnv(clientEnv(cluster, { for: kind, role: "app", ...options }).lines) as Record<string, string>;

describe("pgha env", () => {
  for (const { name } of kinds) {
    it(`--for ${name} holds no password unless it is asked for, and then the right one`, () => {
      const cluster = fakeCluster();
      const { lines, notes } = clientEnv(cluster, { for: name, role: "app" });
      assert.doesNotMatch(lines + notes.join("\n"), /s3cret/);
      assert.match(notes.join("\n"), /password/, "says where it is");
      const shown = clientEnv(cluster, { for: name, role: "app", showSecrets: true });
      assert.match(shown.lines, /s3cretapp\b/);
      assert.doesNotMatch(shown.lines, /s3cretapp_owner|PGPASSFILE/);
      assert.match(clientEnv(cluster, { for: name, role: "owner", showSecrets: true }).lines, /s3cretapp_owner/);
    });

    it(`--for ${name} names every proxy and the CA's file`, () => {
      const { lines } = clientEnv(fakeCluster(), { for: name, role: "app" });
      assert.match(lines, /6432[^\n]*6433/);
      assert.ok(lines.includes(caFile(fakeCluster())));
    });
  }

  it("knows the roles that the settings declare, each in a database that lets it in", () => {
    const cluster = fakeCluster();
    cluster.facts.databases = [
      { name: "app", owner: "app_owner", roles: ["app", "app_owner"] },
      { name: "shop", owner: "shop_owner", roles: ["shop_owner", "report"] },
    ];
    cluster.outputs.rolePasswords = { report: "s3cretreport" };
    const report = loginNamed(cluster, "report");
    const { user, database, by, passwordFile } = connectionOf(cluster, report, false);
    assert.deepEqual([user, database, by], ["report", "shop", "pooled"]);
    assert.match(readFileSync(passwordFile, "utf8"), /^\*:\*:\*:report:s3cretreport$/m);
    assert.throws(() => loginNamed(cluster, "nobody"), /has no role 'nobody'; it has app, owner \(app_owner\), report/);
  });

  it("has libpq's variables by default, with the password in a file that libpq takes", () => {
    const cluster = fakeCluster();
    const variables = variablesOf("libpq", {}, cluster);
    assert.equal(variables.PGHOST, "127.0.0.1,127.0.0.1");
    assert.equal(variables.PGPORT, "6432,6433");
    assert.equal(variables.PGUSER, "app");
    assert.equal(variables.PGSSLMODE, "verify-full");
    assert.equal(statSync(variables.PGPASSFILE!).mode & 0o777, 0o600);
    assert.match(readFileSync(variables.PGPASSFILE!, "utf8"), /^\*:\*:\*:app:s3cretapp$/m);
    assert.match(variables.READ_URL!, /@127\.0\.0\.1:6532,127\.0\.0\.1:6533\/app\?/);
  });

  it("has reads take a replica also beside the variable that asks for the leader", () => {
    for (const kind of ["libpq", "psql", "python"]) {
      const { PGTARGETSESSIONATTRS, READ_URL } = variablesOf(kind);
      assert.equal(PGTARGETSESSIONATTRS, "read-write");
      assert.match(READ_URL!, /&target_session_attrs=any\b/);
    }
  });

  it("leads the owner past the pooler", () => {
    assert.equal(variablesOf("libpq", { role: "owner" }).PGPORT, "5500,5502");
    assert.equal(variablesOf("libpq", { role: "app_owner" }).PGUSER, "app_owner");
  });

  it("gives Node.js one host, and several for the code of docs/clients", () => {
    const { DATABASE_URL, DATABASE_DSN } = variablesOf("node", { showSecrets: true });
    assert.equal(new URL(DATABASE_URL!).host, "127.0.0.1:6432");
    assert.match(DATABASE_DSN!, /@127\.0\.0\.1:6432,127\.0\.0\.1:6433\/app\?/);
  });

  it("has node-postgres verify the CA where a load balancer's name is in no certificate", () => {
    const cluster = fakeCluster();
    cluster.outputs.pooledUrl = "postgresql://app:s3cretapp@lb.example.com:6432/app?sslmode=verify-ca&sslrootcert=x";
    const { DATABASE_URL } = variablesOf("node", {}, cluster);
    const config = parseIntoClientConfig(DATABASE_URL!.replace(/sslrootcert=[^&]*/, `sslrootcert=${__filename}`));
    const ssl = config.ssl as { ca: string; rejectUnauthorized?: boolean; checkServerIdentity?: unknown };
    assert.equal(ssl.ca, readFileSync(__filename, "utf8"));
    assert.notEqual(ssl.rejectUnauthorized, false);
    assert.notEqual(ssl.checkServerIdentity, undefined);
  });

  it("gives a pool of docs/clients its hosts also without the password", () => {
    assert.doesNotThrow(() => clusterPool(variablesOf("node").DATABASE_DSN!, "CA"));
    assert.throws(() => clusterPool("127.0.0.1:6432", "CA"), /not of the form/);
  });

  it("uses the pooled read port where the cluster has one", () => {
    const cluster = fakeCluster();
    const read = "postgresql://app:s3cretapp@127.0.0.1:6442/app?sslmode=verify-full&sslrootcert=x";
    Object.assign(cluster.outputs, { pooledReadUrl: read });
    for (const [index, { ports }] of cluster.facts.proxies.entries())
      Object.assign(ports, { pooledRead: 6442 + index });
    assert.match(variablesOf("python", {}, cluster).READ_URL!, /@127\.0\.0\.1:6442,127\.0\.0\.1:6443\/app/);
  });

  it("names the clients and the roles that it knows", () => {
    assert.throws(() => variablesOf("cobol"), /no client is called 'cobol'; known are libpq, psql, node, /);
    assert.throws(() => variablesOf("go", { role: "nobody" }), /no role 'nobody'; it has app, owner \(app_owner\)$/);
  });

  it("says how a cluster behind a bastion is reached from here", () => {
    const { notes } = clientEnv(behindBastion(), { for: "libpq", role: "app" });
    assert.match(notes.join("\n"), /npx pgha tunnel --stack dev/);
  });
});

describe("variables", () => {
  const values = ["plain", "two words", "a$HOME`id`b", "it's", 'say "x"', "a#b=c", "", "*", "~", "%27"];
  const variables = Object.fromEntries(values.map((value, index) => [`V${index}`, value]));

  it("are read alike by shells and by readers of .env files", () => {
    const lines = assignments(variables);
    assert.deepEqual({ ...parseEnv(lines) }, variables);
    for (const shell of ["sh", "bash"]) {
      const script = 'eval "$LINES_OF_IT"; exec node -p "JSON.stringify(process.env)"';
      const text = execFileSync(shell, ["-c", script], { env: { PATH: process.env.PATH, LINES_OF_IT: lines } });
      const env = JSON.parse(text.toString()) as Record<string, string>;
      assert.deepEqual(Object.fromEntries(Object.keys(variables).map((name) => [name, env[name]])), variables);
    }
  });

  it("are refused where shells and .env files do not agree", () => {
    for (const value of [`it's "x"`, "it's $5", "two\nlines", "back\\slash"])
      assert.throws(() => assignments({ PGPASSFILE: value }), /move the checkout to a folder without quotes/);
  });
});

describe("pgha migrate", () => {
  const connection = () => {
    const cluster = fakeCluster();
    return connectionOf(cluster, loginNamed(cluster, "owner"), true);
  };

  it("gives its child the owner's connection in the forms that tools look for", () => {
    const env = migrationEnv(connection(), "node");
    assert.match(
      env.DATABASE_URL!,
      /^postgresql:\/\/app_owner:s3cretapp_owner@127\.0\.0\.1:5500\/app\?sslmode=verify-full&/,
    );
    assert.equal(env.DIRECT_URL, env.DATABASE_URL);
    assert.equal(env.PGUSER, "app_owner");
    assert.equal(env.PGPASSWORD, "s3cretapp_owner");
    assert.match(env.FLYWAY_URL!, /^jdbc:postgresql:/);
    assert.doesNotMatch(env.FLYWAY_URL!, /s3cret|socketTimeout/);
    assert.equal(env.FLYWAY_PASSWORD, "s3cretapp_owner");
    assert.match(migrationEnv(connection(), "prisma").DATABASE_URL!, /\?sslmode=require&sslaccept=strict&sslcert=\//);
    assert.match(migrationEnv(connection(), "sqlalchemy").DATABASE_URL!, /^postgresql\+psycopg:/);
  });

  it("runs nothing for a client or role that it does not know, or while no proxy answers", async () => {
    const reached = fakeReached(() => undefined);
    const run = (options: { for: string; role: string }) => migrateCommand(reached, options, ["false"]);
    await assert.rejects(run({ for: "cobol", role: "owner" }), /no client is called 'cobol'/);
    await assert.rejects(run({ for: "node", role: "nobody" }), /no role 'nobody'/);
    for (const proxy of reached.cluster.facts.proxies) proxy.ports.write = 1; // nothing listens there
    await assert.rejects(
      run({ for: "node", role: "owner" }),
      /no proxy answers at 127\.0\.0\.1:1, .*; nothing was run/,
    );
  });
});
