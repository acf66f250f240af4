/** What declared databases and roles come to: SQL, pg_hba.conf and PgBouncer. That PostgreSQL does it is seen on a cluster. */
import assert from "node:assert/strict";
import { hostBasedAuthentication } from "../../../../../cloud-init/services/patroni/files";
import { parameterValue } from "../../../../../cloud-init/services/patroni/quote";
import { rightsSql } from "../../../../../cloud-init/services/patroni/rights";
import { clusterSql } from "../../../../../cloud-init/services/patroni/sql";
import { pgbouncerDatabases, pgbouncerLogins } from "../../../../../cloud-init/services/pgbouncer/databases";
import { plan } from "../../../support/settings";

const declared = plan({
  database: { createDatabases: false, extensions: ["pg_trgm"] },
  databases: [{ name: "shop", owner: "shop_owner", schemas: ["private"], pool: 7, onRemoval: "drop" }],
  roles: [
    { name: "shop_owner" },
    { name: "report", may: { shop: "read" }, parameters: { search_path: '"$user", public' } },
    { name: "staff", login: false, may: { shop: "write" }, members: ["app"] },
    { name: "mirror", may: { shop: "read" }, replication: true },
  ],
});
const verifiers = { owner: "V1", user: "V2", roles: { shop_owner: "V3", report: "V4", mirror: "V5" } };

describe("declared databases and roles", () => {
  const { content: sql } = clusterSql(declared, verifiers);

  it("are made with their rights, and noted", () => {
    for (const line of [
      "SELECT 'CREATE DATABASE shop OWNER shop_owner'",
      "VALID UNTIL 'infinity' PASSWORD 'V4';",
      "ALTER ROLE staff NOLOGIN",
      "PASSWORD NULL;\n",
      "GRANT staff TO app;",
      "ALTER ROLE report SET search_path = '$user', 'public';",
      "CREATE SCHEMA IF NOT EXISTS private;",
      "GRANT SELECT ON ALL TABLES IN SCHEMA private TO report;",
      "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA private TO staff;",
      'CREATE EXTENSION IF NOT EXISTS "pg_trgm" SCHEMA public;',
      "('shop', 'drop', ARRAY[]::text[])",
      `('report', '{"shop":"read"}', ARRAY['search_path']::text[], ARRAY[]::text[])`,
    ])
      assert.ok(sql.includes(line), line);
  });

  it("leave their verifiers in the SQL of roles only", () => {
    const withVerifier = (text: string) => text.split("\n").filter((line) => /'V\d'/.test(line));
    assert.ok(withVerifier(sql).every((line) => /^ALTER ROLE \w+ LOGIN .*PASSWORD 'V\d';$/.test(line)));
    assert.deepEqual(withVerifier(rightsSql(declared, verifiers).content), []);
  });

  it("are all that PostgreSQL and PgBouncer let in", () => {
    const logins = hostBasedAuthentication(declared).filter((line) => line.endsWith("10.88.0.31/32 scram-sha-256"));
    assert.deepEqual(logins, [
      "hostssl app app_owner,app 10.88.0.31/32 scram-sha-256",
      "hostssl shop shop_owner,report,app,mirror 10.88.0.31/32 scram-sha-256",
      "hostssl replication mirror 10.88.0.31/32 scram-sha-256",
    ]);
    assert.deepEqual(pgbouncerLogins(declared), [
      "hostssl app app_owner,app all scram-sha-256",
      "hostssl shop shop_owner,report,app all scram-sha-256",
    ]);
    const databases = pgbouncerDatabases(declared, "pooled", 5000);
    assert.deepEqual(Object.keys(databases), ["app", "shop", "postgres"]);
    assert.match(databases.shop!, /dbname=shop pool_size=7 max_db_connections=7$/);
  });

  it("let whoever may make databases into all but what is somebody's", () => {
    const lines = pgbouncerLogins(plan());
    assert.deepEqual(lines.slice(-2), [
      "hostssl postgres,template0,template1,app all all reject",
      "hostssl all app_owner all scram-sha-256",
    ]);
    assert.ok("*" in pgbouncerDatabases(plan(), "pooled", 5000));
  });

  it("have values that SQL reads as they are written", () => {
    assert.equal(parameterValue("search_path", '"$user", public'), "'$user', 'public'");
    assert.equal(parameterValue("DateStyle", "ISO, MDY"), "'ISO, MDY'");
    assert.equal(parameterValue("my.word", "it's"), "'it''s'");
  });
});
