/** What differs between the drivers of Node.js. Each is loaded where it is chosen. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const { DATABASE_URL, DATABASE_DSN, READ_URL, PGSSLROOTCERT } = process.env;
const shape = "SELECT * FROM shape WHERE id = $1";
const insert = "INSERT INTO matrix (id) VALUES ($1)";
const remember = `INSERT INTO requests (id) VALUES ($1)
  ON CONFLICT (id) DO UPDATE SET tries = requests.tries + 1 RETURNING tries`;

async function nodePostgres() {
  const { Client } = (await import("pg")).default;
  const { clusterPool } = await import("./pool.ts");
  const { once } = await import("./node-postgres.ts");
  // The URL as it is printed, and nothing beside it.
  const client = new Client(DATABASE_URL);
  const pool = clusterPool(DATABASE_DSN, readFileSync(PGSSLROOTCERT, "utf8"));
  let connected = false;
  const first = async (text, values) => Object.values((await client.query(text, values)).rows[0])[0];
  return {
    async connect() {
      if (!connected) await client.connect();
      connected = true;
      return first("SELECT 1");
    },
    write: (id) => first(`${insert} RETURNING id`, [id]),
    async read() {
      const reader = new Client(READ_URL);
      await reader.connect();
      const { rows } = await reader.query("SELECT pg_is_in_recovery() AS it");
      await reader.end();
      return rows[0].it;
    },
    prepared: async () => (await client.query({ name: "shape", text: shape, values: [1] })).fields.length,
    long: () => first("SELECT pg_sleep(3)"),
    async cancelled(text, after) {
      const running = client.query(text).then(
        () => Promise.reject(new Error("it was not cancelled")),
        ({ code }) => code,
      );
      await sleep(after);
      // It has no cancelling that speaks TLS; the server's own does as well.
      const other = new Client(DATABASE_URL);
      await other.connect();
      const mine = text.replace(/.*(\/\*.*\*\/).*/, "%$1");
      await other.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE $1 AND pid <> pg_backend_pid()",
        [mine],
      );
      await other.end();
      return running;
    },
    async broken(id) {
      await client.query("BEGIN");
      try {
        await client.query(insert, [id]);
        await client.query("SELECT 1 / (SELECT 0)");
      } finally {
        await client.query("ROLLBACK");
      }
    },
    count: async (id) => Number(await first("SELECT count(*) FROM matrix WHERE id = $1", [id])),
    state: (error) => error.code ?? "",
    once: (id) => once(pool, id, (one) => one.query(insert, [id])),
  };
}

/** Retries with what docs/clients has for node-postgres, and two words of its own for a broken connection. */
async function retried(attempt) {
  const { passes, retry } = await import("./retry.ts");
  const broken = /^(CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT)$/;
  return retry(attempt, { again: (error) => passes(error) || broken.test(error.code ?? "") });
}

async function postgresJs() {
  const postgres = (await import("postgres")).default;
  const ssl = { ca: readFileSync(PGSSLROOTCERT) };
  const sql = postgres(DATABASE_URL, { ssl, max: 1 });
  const rides = postgres(DATABASE_URL, { ssl, max: 2 });
  const first = async (text, values) => Object.values((await sql.unsafe(text, values, { prepare: true }))[0])[0];
  return {
    connect: () => first("SELECT 1"),
    write: (id) => first(`${insert} RETURNING id`, [id]),
    async read() {
      const reader = postgres(READ_URL, { ssl, max: 1 });
      const [{ it }] = await reader`SELECT pg_is_in_recovery() AS it`;
      await reader.end();
      return it;
    },
    prepared: async () => Object.keys((await sql`SELECT * FROM shape WHERE id = ${1}`)[0]).length,
    long: () => first("SELECT pg_sleep(3)"),
    async cancelled(text, after) {
      const query = sql.unsafe(text).execute();
      const running = query.then(
        () => Promise.reject(new Error("it was not cancelled")),
        ({ code }) => code,
      );
      await sleep(after);
      query.cancel();
      return running;
    },
    broken: (id) =>
      sql.begin(async (tx) => {
        await tx`INSERT INTO matrix (id) VALUES (${id})`;
        await tx`SELECT 1 / (SELECT 0)`;
      }),
    count: async (id) => Number(await first("SELECT count(*) FROM matrix WHERE id = $1", [id])),
    state: (error) => error.code ?? "",
    once: (id) =>
      retried(() =>
        rides.begin(async (tx) => {
          const [{ tries }] = await tx.unsafe(remember, [id]);
          if (tries === 1) await tx.unsafe(insert, [id]);
        }),
      ),
  };
}

async function knexOnPg() {
  const knex = (await import("knex")).default;
  // The URL as it is printed; Knex hands it to node-postgres.
  const open = (connection, max) =>
    knex({ client: "pg", connection, pool: { min: 0, max }, acquireConnectionTimeout: 60_000 });
  const one = open(DATABASE_URL, 1);
  const rides = open(DATABASE_URL, 2);
  const first = async (text, values = []) => Object.values((await one.raw(text, values)).rows[0])[0];
  return {
    connect: () => first("SELECT 1"),
    write: async (id) => (await one("matrix").insert({ id }).returning("id"))[0].id,
    async read() {
      const reader = open(READ_URL, 1);
      const { rows } = await reader.raw("SELECT pg_is_in_recovery() AS it");
      await reader.destroy();
      return rows[0].it;
    },
    prepared: async () => Object.keys((await one("shape").where({ id: 1 }))[0]).length,
    long: () => first("SELECT pg_sleep(3)"),
    // Its `timeout(..., { cancel: true })` takes a second connection of the pool, to cancel from.
    cancelled: (text, after) =>
      rides
        .raw(text)
        .timeout(after, { cancel: true })
        .then(
          () => Promise.reject(new Error("it was not cancelled")),
          (error) => (error.name === "KnexTimeoutError" ? "57014" : Promise.reject(error)),
        ),
    broken: (id) =>
      one.transaction(async (tx) => {
        await tx("matrix").insert({ id });
        await tx.raw("SELECT 1 / (SELECT 0)");
      }),
    count: async (id) => Number(await first("SELECT count(*) FROM matrix WHERE id = ?", [id])),
    state: (error) => error.code ?? "",
    once: (id) =>
      retried(() =>
        rides.transaction(async (tx) => {
          const { rows } = await tx.raw(remember.replace("$1", "?"), [id]);
          if (rows[0].tries === 1) await tx("matrix").insert({ id });
        }),
      ),
  };
}

async function prisma() {
  const { prismaClient, once } = await import("./prisma/client.ts");
  const { PrismaClient } = await import("./prisma/generated/client.ts");
  const { PrismaPg } = await import("@prisma/adapter-pg");
  // The URL as it is printed, for what is not about faults.
  const open = (connectionString) => new PrismaClient({ adapter: new PrismaPg({ connectionString, max: 1 }) });
  const client = open(DATABASE_URL);
  const rides = prismaClient(DATABASE_DSN, readFileSync(PGSSLROOTCERT, "utf8"));
  const first = async (text, ...values) => Object.values((await client.$queryRawUnsafe(text, ...values))[0])[0];
  return {
    connect: () => first("SELECT 1"),
    write: (id) => first(`${insert} RETURNING id`, id),
    async read() {
      const reader = open(READ_URL);
      const [{ it }] = await reader.$queryRawUnsafe("SELECT pg_is_in_recovery() AS it");
      await reader.$disconnect();
      return it;
    },
    prepared: async () => Object.keys((await client.$queryRawUnsafe(shape, 1))[0]).length,
    long: () => first("SELECT pg_sleep(3)::text"),
    cancelled: async () => "none",
    broken: (id) =>
      client.$transaction(async (tx) => {
        await tx.$executeRawUnsafe(insert, id);
        await tx.$queryRawUnsafe("SELECT 1 / (SELECT 0)");
      }),
    count: async (id) => Number(await first("SELECT count(*) FROM matrix WHERE id = $1", id)),
    state: (error) => error.meta?.driverAdapterError?.cause?.originalCode ?? error.meta?.code ?? error.code ?? "",
    once: (id) => once(rides, id, (tx) => tx.$executeRawUnsafe(insert, id)),
  };
}

export const adapters = { "node-postgres": nodePostgres, postgresjs: postgresJs, knex: knexOnPg, prisma };
