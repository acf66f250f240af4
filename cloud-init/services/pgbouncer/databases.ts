/** What PgBouncer leads to, and who may log in to what through it. */
import { creators, databasesOf, furtherDatabases, loginRoles } from "../../../settings/databases";
import { lookupConnections, madeConnections } from "../../../settings/limits";
import { ports } from "../../../settings/ports";
import type { Plan } from "../../../settings/plan";

/** Through the HAProxy beside it: who leads is HAProxy's business. */
const leader = `host=127.0.0.1 port=${ports.write}`;

/** Where passwords are looked up (cloud-init/services/patroni/ours.ts). */
export const lookupDatabase = "postgres";

const limited = (connections: number) => `pool_size=${connections} max_db_connections=${connections}`;

/** The section `[databases]`. */
export function pgbouncerDatabases({ settings }: Plan): Record<string, string> {
  const { name } = settings.database;
  return {
    [name]: `${leader} dbname=${name}`,
    ...Object.fromEntries(
      furtherDatabases(settings).map((one) => [one.name, `${leader} dbname=${one.name} ${limited(one.pool)}`]),
    ),
    // With connections of its own: a login waits for no client's statement.
    [lookupDatabase]: `${leader} dbname=${lookupDatabase} ${limited(lookupConnections)}`,
    // Databases that a role has made. A connection ends with its client, or a second after its start: whoever made a database drops it next.
    ...(creators(settings).length > 0 && {
      "*": `${leader} ${limited(madeConnections)} pool_mode=session server_lifetime=1`,
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
