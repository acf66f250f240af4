import { randomBytes } from "node:crypto";
import type { Client } from "pg";

/** A name for the table of a run that no other has. */
export const newTable = () => `public.pgha_load_${Date.now().toString(36)}_${randomBytes(3).toString("hex")}`;

/**
 * Makes the table of a run; the application's user gets its rights by default. The id is not unique, so that a write that is
 * done twice shows.
 */
export async function makeTable(client: Client, table: string): Promise<void> {
  await client.query(`CREATE TABLE ${table} (
    id bigint NOT NULL, path text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())`);
  await client.query(`CREATE INDEX ON ${table} (id)`);
  await client.query(`COMMENT ON TABLE ${table} IS 'pgha load, ${new Date().toISOString()}'`);
}

/** One row. Its parameters: id and path. */
export const insertSql = (table: string) => `INSERT INTO ${table} (id, path) VALUES ($1, $2)`;

export const dropTable = (client: Client, table: string) => client.query(`DROP TABLE IF EXISTS ${table}`);

/** Removes the tables of runs that were broken off: made over a day ago, and without a row since. */
export async function sweepTables(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string; made: string }>(`
    SELECT format('%I.%I', schemaname, tablename) AS name, substring(description FROM '^pgha load, (.*)$') AS made
    FROM pg_tables JOIN pg_description
      ON objoid = format('%I.%I', schemaname, tablename)::regclass AND classoid = 'pg_class'::regclass AND objsubid = 0
    WHERE schemaname = 'public' AND starts_with(tablename, 'pgha_load_') AND tableowner = current_user
      AND starts_with(description, 'pgha load, ')`);
  for (const { name, made } of rows) {
    const { rows: used } = await client.query(
      `SELECT FROM (SELECT $1::timestamptz UNION ALL (SELECT at FROM ${name} ORDER BY id DESC LIMIT 1)) AS moments (at)
       HAVING max(at) < now() - interval '1 day'`,
      [made],
    );
    if (used.length > 0) await dropTable(client, name);
  }
}
