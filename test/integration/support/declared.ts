import assert from "node:assert/strict";
import { connect, query, type Door } from "../../../simulator/sql";
import { until, type TestStack } from "../../../simulator/stack";
import type { Machines } from "../../../simulator/machines";
import { loadCluster, type Cluster } from "../../../ops/cluster";
import { thorough, thoroughIt } from "./thorough";
import { complaints, validation } from "../../../simulator/validation";

const shop = {
  name: "shop",
  owner: "shop_owner",
  schemas: ["private"],
  extensions: ["pg_trgm"],
  parameters: { work_mem: "9MB" },
  pool: 5,
};
const old = { name: "old", owner: "shop_owner", onRemoval: "drop" };
const roles = [
  { name: "shop_owner" },
  { name: "report", may: { app: "read", shop: "read" }, parameters: { statement_timeout: "30s" } },
  { name: "staff", login: false, may: { shop: "write" }, members: ["ann"] },
  { name: "ann" },
  { name: "copier", replication: true },
];

/** Extensions that come in packages of their own, of which one is loaded at PostgreSQL's start. PostGIS is a hundred packages. */
const packaged = ["vector", "pg_cron", ...(thorough ? ["postgis"] : [])];

/** What its owner does with them, and that a job of his runs on whoever leads. */
export async function extensionsWork(cluster: Cluster): Promise<void> {
  const ask = (sql: string) => query(cluster, "ownerUrl", sql);
  await ask("CREATE TABLE IF NOT EXISTS items (id serial PRIMARY KEY, place vector(2)); TRUNCATE items");
  await ask("CREATE INDEX IF NOT EXISTS items_place ON items USING hnsw (place vector_l2_ops)");
  await ask("INSERT INTO items (place) VALUES ('[9,9]'), ('[1,2]')");
  assert.deepEqual(await ask("SELECT place::text FROM items ORDER BY place <-> '[1,1]' LIMIT 1"), [{ place: "[1,2]" }]);
  if (thorough)
    assert.deepEqual(await ask("SELECT ST_Distance('POINT(0 0)'::geometry, 'POINT(3 4)') AS far"), [{ far: 5 }]);
  await ask("SELECT cron.schedule('often', '1 second', 'INSERT INTO items (place) VALUES (''[5,5]'')')");
  await until(
    "a job of the owner to run",
    30,
    async () => (await ask("SELECT FROM items WHERE place = '[5,5]'")).length > 0,
  );
  await ask("SELECT cron.unschedule('often')");
}

/** Databases and roles that are declared: made, used by their own and by nobody else, changed, taken away. */
export function declaredChecks(stack: TestStack, machines: () => Machines): void {
  /** Runs statements as one role; gives the first column of the last one, or the error's code. */
  async function as(role: string, database: string, door: Door, ...statements: string[]): Promise<unknown> {
    const cluster = await loadCluster(stack.name);
    const password = cluster.outputs.rolePasswords![role]!;
    try {
      const client = await connect(cluster, door, { user: role, password, database });
      try {
        let value: unknown;
        for (const statement of statements)
          value = Object.values((await client.query<Record<string, unknown>>(statement)).rows[0] ?? {})[0];
        return value;
      } finally {
        await client.end();
      }
    } catch (error) {
      return (error as { code?: string }).code ?? (error as Error).message;
    }
  }
  const doors: Door[] = ["writeUrl", "pooledUrl"];

  it("declared databases and roles are made by one up, and what somebody made by hand stays", async () => {
    await machines().superuser("CREATE DATABASE by_hand");
    await machines().superuser("CREATE ROLE by_hand LOGIN");
    stack.set({ database: { extensions: packaged }, databases: [shop, old], roles });
    await stack.up();
    assert.equal(await machines().superuser("SELECT count(*) FROM pg_database WHERE datname = 'by_hand'"), "1");
    assert.equal(await machines().superuser("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'by_hand'"), "t");
    assert.equal(complaints(await validation(stack, "--quick")), "");
    assert.match(await stack.up(), /^ +\d+ unchanged$/m);
  });

  it("declared databases and roles are their owner's, on every port, with their extensions, schemas and parameters", async () => {
    for (const [number, door] of doors.entries()) {
      const made = await as(
        ...(["shop_owner", "shop", door] as const),
        `CREATE TABLE things${number} (name text)`,
        `CREATE TABLE private.things${number} (name text)`,
        `INSERT INTO things${number} VALUES ('lamp')`,
        `SELECT similarity(name, 'lamb') > 0.3 FROM things${number}`,
      );
      assert.equal(made, true, door);
      assert.equal(await as("shop_owner", "shop", door, "SHOW work_mem"), "9MB", door);
    }
  });

  it("declared extensions of Debian's packages are there, a preloaded one by the rolling restart", () =>
    extensionsWork(machines().cluster));

  it("declared databases and roles give each role what it may, and nobody else anything", async () => {
    for (const door of doors) {
      assert.equal(await as("report", "shop", door, "SELECT name FROM things0"), "lamp", door);
      assert.equal(await as("report", "shop", door, "INSERT INTO things0 VALUES ('x')"), "42501", door);
      assert.equal(await as("report", "shop", door, "SHOW statement_timeout"), "30s", door);
      assert.equal(await as("report", "app", door, "SELECT 1"), 1, door);
      assert.equal(await as("ann", "shop", door, "INSERT INTO things0 VALUES ('lamp') RETURNING name"), "lamp", door);
      assert.notEqual(await as("ann", "app", door, "SELECT 1"), 1, door);
      assert.notEqual(await as("shop_owner", "app", door, "SELECT 1"), 1, door);
      for (const database of ["postgres", "by_hand", "template1"])
        assert.notEqual(await as("shop_owner", database, door, "SELECT 1"), 1, `${database} by ${door}`);
    }
    assert.equal(await as("report", "shop", "pooledReadUrl", "SELECT name FROM things0"), "lamp");
  });

  it("declared roles that replicate read the WAL through the write port, and others do not", async () => {
    const { outputs } = await loadCluster(stack.name);
    const login = (user: string) => ({ user, password: outputs.rolePasswords![user]!, replication: "true" });
    const client = await connect(machines().cluster, "writeUrl", login("copier"));
    try {
      assert.match(
        (await client.query<{ xlogpos: string }>("IDENTIFY_SYSTEM")).rows[0]!.xlogpos,
        /^[0-9A-F]+\/[0-9A-F]+$/,
      );
      await client.query("CREATE_REPLICATION_SLOT copied TEMPORARY PHYSICAL RESERVE_WAL");
    } finally {
      await client.end();
    }
    for (const door of doors) await assert.rejects(connect(machines().cluster, door, login("shop_owner")), door);
    await assert.rejects(connect(machines().cluster, "pooledUrl", login("copier")));
  });

  it("the owner makes databases for tests on this host, reaches them on every port, and drops them", async () => {
    const as = async (door: Door, database: string, sql: string) => {
      const { username: user, password } = new URL(machines().cluster.outputs.ownerUrl);
      const client = await connect(machines().cluster, door, { user, password, database });
      try {
        return (await client.query<Record<string, unknown>>(sql)).rows;
      } finally {
        await client.end();
      }
    };
    // Behind the pooled port, postgres is for looking passwords up.
    for (const [door, from] of [["writeUrl", "postgres"] as const, ["pooledUrl", "app"] as const]) {
      await as(door, from, "CREATE DATABASE shadow");
      await as(door, "shadow", "CREATE TABLE shaded (id int)");
      assert.deepEqual(await as("pooledUrl", "shadow", "SELECT count(*)::int AS n FROM shaded"), [{ n: 0 }], door);
      await as(door, from, "DROP DATABASE shadow");
    }
  });

  it("declared databases and roles that clash, do not exist or do not fit are refused in one message, and nothing is changed", async () => {
    const said = await stack.failedUp({
      databases: [shop, { ...old, extensions: ["pg_trgmm"] }, { name: "postgres", owner: "shop_owner" }],
      roles: [...roles, { name: "pgbouncer" }, { name: "lost", may: { nowhere: "read" } }],
    });
    for (const part of ["pg_trgmm", "pg_trgm", "postgres", "pgbouncer", "nowhere"])
      assert.ok(said.includes(part), said);
    assert.doesNotMatch(said, /^ +\S+ \d+ (created|updated|deleted|replaced)$/m);
    stack.set({ databases: [shop, old], roles });
  });

  // 20 s of waiting for the pools, and an `up` that puts back.
  thoroughIt("declared databases and roles are not dropped while sessions use them, which is said soon", async () => {
    const cluster = await loadCluster(stack.name);
    const [user, password] = ["shop_owner", cluster.outputs.rolePasswords!.shop_owner!];
    const client = await connect(cluster, "writeUrl", { user, password, database: "old" });
    try {
      const began = Date.now();
      assert.match(await stack.failedUp({ databases: [shop] }), /is left as it was: database old .* 1 sessions use it/);
      assert.ok(Date.now() - began < 90_000, `took ${Date.now() - began} ms`);
    } finally {
      await client.end();
    }
  });

  it("declared databases and roles that are taken out of the settings let nobody in, and keep their data unless they say drop", async () => {
    const { outputs } = await loadCluster(stack.name);
    stack.set({ databases: [], roles: [] });
    await stack.up();
    assert.equal(await machines().superuser("SELECT count(*) FROM things0", "shop"), "3");
    assert.equal(await machines().superuser("SELECT count(*) FROM pg_database WHERE datname = 'old'"), "0");
    assert.equal(await machines().superuser("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'report'"), "f");
    const cluster = await loadCluster(stack.name);
    for (const door of doors) {
      const login = { user: "shop_owner", password: outputs.rolePasswords!.shop_owner!, database: "shop" };
      await assert.rejects(connect(cluster, door, login), door);
    }
    assert.equal(complaints(await validation(stack, "--quick")), "");
    for (const statement of ["DROP DATABASE by_hand", "DROP ROLE by_hand"]) await machines().superuser(statement);
  });
}
