import assert from "node:assert/strict";
import { creators, databasesOf } from "../../../settings/databases";
import { creations, packagesOf, withExtensions } from "../../../settings/extensions";
import { faultsOf, settings } from "../support/settings";

const shop = { name: "shop", owner: "shop_owner" };
const shopOwner = { name: "shop_owner" };

describe("declared databases and roles", () => {
  it("let in the owner, who has rights, and who is a member of such a role", () => {
    const made = settings({
      databases: [shop, { name: "crm" }],
      roles: [
        shopOwner,
        { name: "crm_owner", may: { crm: "owner" } },
        { name: "report", may: { app: "read", shop: "read" } },
        { name: "staff", login: false, may: { crm: "write" }, members: ["ann", "app"] },
        { name: "ann" },
      ],
    });
    assert.deepEqual(
      databasesOf(made).map(({ name, owner, visitors }) => [name, owner, visitors]),
      [
        ["app", "app_owner", ["app_owner", "app", "report"]],
        ["shop", "shop_owner", ["shop_owner", "report"]],
        ["crm", "crm_owner", ["crm_owner", "ann", "app"]],
      ],
    );
  });

  it("let the first owner make databases on this host, unless the settings say no, and whom they name", () => {
    assert.deepEqual(creators(settings()), ["app_owner"]);
    assert.deepEqual(creators(settings({ database: { createDatabases: false } })), []);
    const roles = [{ ...shopOwner, createDatabases: true }];
    assert.deepEqual(creators(settings({ databases: [shop], roles })), ["app_owner", "shop_owner"]);
  });

  it("take a time as Pulumi's YAML gives it", () => {
    const until = (validUntil: string) =>
      settings({ roles: [{ name: "b", may: { app: "read" }, validUntil }] }).roles[0]!.validUntil;
    assert.equal(until("2030-01-01"), "2030-01-01");
    assert.equal(until("2030-01-01 00:00:00 +0000 UTC"), "2030-01-01T00:00:00+00:00");
  });

  it("have the libraries of their extensions loaded beside those of the parameters", () => {
    const databases = [{ name: "app", extensions: ["pg_trgm", "pg_stat_statements"] }];
    assert.deepEqual(withExtensions({}, databases), { shared_preload_libraries: "pg_stat_statements" });
    assert.deepEqual(withExtensions({ Shared_Preload_Libraries: "auto_explain" }, databases), {
      Shared_Preload_Libraries: "auto_explain,pg_stat_statements",
    });
    assert.deepEqual(withExtensions({ work_mem: "8MB" }, [{ name: "app", extensions: ["pg_trgm"] }]), {
      work_mem: "8MB",
    });
  });

  it("have what an extension needs, first: extensions, packages, libraries, and pg_cron's parameters", () => {
    assert.deepEqual(creations(["postgis_topology"], "app_owner"), [
      'CREATE EXTENSION IF NOT EXISTS "postgis" SCHEMA public;',
      'CREATE EXTENSION IF NOT EXISTS "postgis_topology";',
    ]);
    assert.deepEqual(creations(["pg_cron"], "me").slice(1), ["GRANT USAGE ON SCHEMA cron TO me;"]);
    const databases = [
      { name: "app", extensions: ["pg_stat_kcache", "h3_postgis"] },
      { name: "shop", extensions: ["pg_cron"] },
    ];
    assert.deepEqual(packagesOf(databases), [
      "postgresql-17-cron",
      "postgresql-17-h3",
      "postgresql-17-pg-stat-kcache",
      "postgresql-17-postgis-3",
    ]);
    assert.deepEqual(packagesOf([{ extensions: ["pg_trgm"] }]), []);
    assert.deepEqual(withExtensions({}, databases), {
      shared_preload_libraries: "pg_stat_statements,pg_stat_kcache,pg_cron",
      "cron.database_name": "shop",
      "cron.use_background_workers": "on",
    });
  });

  const faults: [string, object, string, RegExp][] = [
    [
      "a reserved name",
      { databases: [{ ...shop, name: "postgres" }], roles: [shopOwner] },
      "databases.0.name",
      /reserved/,
    ],
    [
      "the first database's name",
      { databases: [{ ...shop, name: "app" }], roles: [shopOwner] },
      "databases.0.name",
      /already/,
    ],
    ["a role of ours", { roles: [{ name: "pgbouncer", may: { app: "read" } }] }, "roles.0.name", /reserved/],
    ["the first owner's name", { roles: [{ name: "app_owner", may: { app: "read" } }] }, "roles.0.name", /already/],
    ["one name twice", { roles: [1, 2].map(() => ({ name: "a", may: { app: "read" } })) }, "roles.1.name", /already/],
    ["no owner", { databases: [{ name: "shop" }] }, "databases.0.owner", /is missing: shop has no owner/],
    ["an unknown owner", { databases: [{ ...shop, owner: "app_onwer" }] }, "databases.0.owner", /write app_owner, or/],
    [
      "two owners",
      { databases: [shop], roles: [shopOwner, { name: "b", may: { shop: "owner" } }] },
      "databases.0.owner",
      /would be shop_owner and b; a database has one owner/,
    ],
    [
      "a second owner of the first",
      { roles: [{ name: "b", may: { app: "owner" } }] },
      "roles.0.may.app",
      /makes two owners/,
    ],
    [
      "an unknown database",
      { roles: [{ name: "b", may: { ap: "read" } }] },
      "roles.0.may.ap",
      /not declared; write app, or/,
    ],
    ["a role without rights", { roles: [{ name: "b" }] }, "roles.0.may", /no rights anywhere/],
    [
      "a member of itself",
      { roles: [{ name: "b", may: { app: "read" }, members: ["b"] }] },
      "roles.0.members.0",
      /of itself/,
    ],
    [
      "an unknown member",
      { roles: [{ name: "b", may: { app: "read" }, members: ["x"] }] },
      "roles.0.members.0",
      /not declared/,
    ],
    [
      "a day there is not",
      { roles: [{ name: "b", may: { app: "read" }, validUntil: "2027-02-30" }] },
      "roles.0.validUntil",
      /no time/,
    ],
    [
      "an unknown extension",
      { database: { extensions: ["pg_trm"] } },
      "database.extensions.0",
      /no extension.*write pg_trgm, or/,
    ],
    [
      "an extension that Debian has no package of",
      { database: { extensions: ["pgvector"] } },
      "database.extensions.0",
      /no extension.*write vector, or/,
    ],
    [
      "pg_cron in a second database",
      { database: { extensions: ["pg_cron"] }, databases: [{ ...shop, extensions: ["pg_cron"] }], roles: [shopOwner] },
      "databases.0.extensions.0",
      /one database only and is in app/,
    ],
    [
      "what pg_cron is told already",
      { database: { extensions: ["pg_cron"] }, postgresql: { parameters: { "cron.Database_name": "x" } } },
      "postgresql.parameters.cron.Database_name",
      /database\.extensions\.0 does/,
    ],
    [
      "a parameter of the whole server",
      { roles: [{ name: "b", may: { app: "read" }, parameters: { shared_buffers: "1GB" } }] },
      "roles.0.parameters.shared_buffers",
      /not for one database or role/,
    ],
    [
      "a pool over the database's own connections",
      { databases: [{ ...shop, pool: 10, connections: 5 }], roles: [shopOwner] },
      "databases.0.connections",
      /write 20 or more/,
    ],
    [
      "pools over what is left",
      { databases: [{ ...shop, pool: 60 }], roles: [shopOwner] },
      "pool.size",
      /write 32 or less/,
    ],
    ["a misspelt key", { databases: [{ ...shop, ownr: "x" }], roles: [shopOwner] }, "databases.0.ownr", /owner/],
  ];
  for (const [what, raw, path, said] of faults) {
    it(`refuse ${what}`, () => {
      const found = faultsOf(raw as Record<string, unknown>);
      assert.deepEqual(
        found.map((fault) => fault.path),
        [path],
        JSON.stringify(found),
      );
      assert.match(found[0]!.fault, said);
    });
  }

  it("tell all faults at once", () => {
    const found = faultsOf({
      databases: [{ name: "template1", extensions: ["nothing_like_it"] }],
      roles: [{ name: "replicator", may: { nowhere: "read" } }],
    });
    assert.deepEqual(found.map(({ path }) => path).sort(), [
      "databases.0.extensions.0",
      "databases.0.name",
      "databases.0.owner",
      "roles.0.may.nowhere",
      "roles.0.name",
    ]);
  });
});
