import { randomBytes } from "node:crypto";
import type { Client } from "pg";

/** A name for the table of a run that no other has: the owner may have a view, or a trap, under any that can be guessed. */
export const newTable = (run: "load" | "validate") =>
  `public.pgha_${run}_${Date.now().toString(36)}_${randomBytes(3).toString("hex")}`;

/** By its comment a table is known as one of ours. */
const comment = (table: string, run: "load" | "validate") =>
  `COMMENT ON TABLE ${table} IS 'pgha ${run}, ${new Date().toISOString()}'`;

/**
 * Makes the table of a run; the application's user gets its rights by default. The id is not unique, so that a write that is
 * done twice shows.
 */
export async function makeTable(client: Client, table: string): Promise<void> {
  await client.query(`CREATE TABLE ${table} (
    id bigint NOT NULL, path text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())`);
  await client.query(`CREATE INDEX ON ${table} (id)`);
  await client.query(comment(table, "load"));
}

/** Makes the table of the validation suite, for rows that a client names itself. Bears to be done again. */
export async function makeValidationTable(client: Client, table: string): Promise<void> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${table} (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())`,
  );
  await client.query(comment(table, "validate"));
}

/** One row. Its parameters: id and path. */
export const insertSql = (table: string) => `INSERT INTO ${table} (id, path) VALUES ($1, $2)`;

export const dropTable = (client: Client, table: string) => client.query(`DROP TABLE IF EXISTS ${table}`);

/** Removes the tables of interrupted runs: made over a day ago, and without a row since. */
export async function sweepTables(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string; made: string }>(`
    SELECT format('%I.%I', schemaname, tablename) AS name, substring(description FROM '^pgha (?:load|validate), (.*)$') AS made
    FROM pg_tables JOIN pg_description
      ON objoid = format('%I.%I', schemaname, tablename)::regclass AND classoid = 'pg_class'::regclass AND objsubid = 0
    WHERE schemaname = 'public' AND tablename ~ '^pgha_(load|validate)_' AND tableowner = current_user
      AND description ~ '^pgha (load|validate), '`);
  for (const { name, made } of rows) {
    const { rows: used } = await client.query(
      `SELECT FROM (SELECT $1::timestamptz UNION ALL (SELECT at FROM ${name} ORDER BY id DESC LIMIT 1)) AS moments (at)
       HAVING max(at) < now() - interval '1 day'`,
      [made],
    );
    if (used.length > 0) await dropTable(client, name);
  }
}
