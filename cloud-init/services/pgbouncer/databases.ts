/** What PgBouncer leads to, and who may log in to what through it. */
import { lookupConnections } from "../../../settings/limits";
import type { Plan } from "../../../settings/plan";

/** Where passwords are looked up (cloud-init/services/patroni/sql.ts). */
export const lookupDatabase = "postgres";

/**
 * The section `[databases]`. All of it goes through the HAProxy beside it: who leads, and which replica keeps up, is HAProxy's business.
 * @param port HAProxy's
 */
export function pgbouncerDatabases({ settings }: Plan, port: number): Record<string, string> {
  const { name } = settings.database;
  const server = `host=127.0.0.1 port=${port}`;
  return {
    [name]: `${server} dbname=${name}`,
    // With connections of its own: a login waits for no client's statement.
    [lookupDatabase]: `${server} dbname=${lookupDatabase} pool_size=${lookupConnections} max_db_connections=${lookupConnections}`,
  };
}

/** Lines of hba.conf for clients, as in pg_hba.conf. Who is not listed is refused: the lookup role, and all at the lookup's database. */
export function pgbouncerLogins({ settings }: Plan): string[] {
  const { name, owner, user } = settings.database;
  return [`hostssl ${name} ${owner},${user} all scram-sha-256`];
}
