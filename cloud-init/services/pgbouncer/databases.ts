/** What PgBouncer leads to, and who may log in to what through it. */
import { creators, databasesOf, furtherDatabases, loginRoles } from "../../../settings/databases";
import { lookupConnections, madeConnections, shareOf, type PoolerCounts } from "../../../settings/limits";
import type { Plan } from "../../../settings/plan";

/** Where passwords are looked up (cloud-init/services/patroni/ours.ts). */
export const lookupDatabase = "postgres";

const limited = (connections: number) => `pool_size=${connections} max_db_connections=${connections}`;

/**
 * The section `[databases]` of a PgBouncer. All of it goes through the HAProxy beside it: who leads, and which replica keeps up, is
 * HAProxy's business.
 * @param port HAProxy's
 */
export function pgbouncerDatabases({ settings }: Plan, use: keyof PoolerCounts, port: number): Record<string, string> {
  const { name } = settings.database;
  const server = `host=127.0.0.1 port=${port}`;
  const own = (connections: number) => limited(shareOf(connections, use, settings));
  return {
    [name]: `${server} dbname=${name}`,
    ...Object.fromEntries(
      furtherDatabases(settings).map((one) => [one.name, `${server} dbname=${one.name} ${own(one.pool)}`]),
    ),
    // With connections of its own: a login waits for no client's statement.
    [lookupDatabase]: `${server} dbname=${lookupDatabase} ${limited(lookupConnections)}`,
    // Databases that a role has made. A connection ends with its client, or a second after its start: whoever made a database drops it next.
    ...(creators(settings).length > 0 && {
      "*": `${server} ${own(madeConnections)} pool_mode=session server_lifetime=1`,
    }),
  };
}

/** Lines of hba.conf for clients, as in pg_hba.conf. Who is not listed is refused: the lookup role, and all at the lookup's database. */
export function pgbouncerLogins({ settings }: Plan): string[] {
  const replicating = loginRoles(settings).flatMap(({ name, replication }) => (replication ? [name] : []));
  const making = creators(settings);
  const databases = databasesOf(settings);
  const taken = [lookupDatabase, "template0", "template1", ...databases.map(({ name }) => name)];
  return [
    ...databases.map(({ name, visitors }) => {
      const pooled = visitors.filter((role) => !replicating.includes(role));
      return `hostssl ${name} ${pooled.join(",")} all scram-sha-256`;
    }),
    ...(making.length > 0
      ? [`hostssl ${taken.join(",")} all all reject`, `hostssl all ${making.join(",")} all scram-sha-256`]
      : []),
  ];
}
