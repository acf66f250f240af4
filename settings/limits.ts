import { declaredPools } from "./databases";
import type { Source } from "./flows";
import { ports } from "./ports";
import type { Settings } from "./schema";

/** Connections to PostgreSQL kept free of clients: superuser_reserved_connections (3) and what Patroni and operators open. */
export const reservedConnections = 10;

/** Seconds within which a connection must have logged in, or have sent what it came to ask. */
export const loginTime = 10;
/**
 * Seconds within which a client must have logged in to PgBouncer. Longer: a thousand that come at once have to wait for one another's
 * TLS handshakes, and on two slow cores that takes more than 10 s.
 */
export const pooledLoginTime = 30;
/** Seconds within which it must have said anything at all. */
export const silence = 5;
/** Seconds a client waits for a place at a PostgreSQL that is full: as long as those who do not log in keep theirs. */
export const queueTime = loginTime;

/**
 * Connections one PgBouncer has room for that have not logged in. Silent ones count in `max_client_conn` like clients, and PgBouncer
 * refuses nobody before his first words: this many have to come within `pooledLoginTime` to keep a client out.
 */
export const strangers = 6000;

/** Connections by which one PgBouncer looks passwords up, beside its pools. A lookup is one row of one table. */
export const lookupConnections = 2;

/**
 * Connections of one PgBouncer to each database that a role has made by itself (`createDatabases`). They are in no other limit: such
 * databases are those of tests, and come and go.
 */
export const madeConnections = 10;

type Sizes = Pick<Settings, "nodes" | "pool" | "postgresql" | "databases">;

/** Places at each PostgreSQL for each proxy: all of them together leave the reserve free. */
const share = ({ nodes, postgresql }: Pick<Sizes, "nodes" | "postgresql">) =>
  Math.floor((postgresql.maxConnections - reservedConnections) / nodes.haproxy);

/**
 * What one proxy may open to one PostgreSQL: PgBouncer its pool and its lookups; clients that come without it the rest, at least one; reads, which go
 * to standbys, both.
 */
export function serverConnections(sizes: Sizes) {
  const [all, pool] = [share(sizes), sizes.pool.size + lookupConnections + declaredPools(sizes)];
  return { pool, write: Math.max(1, all - pool), read: Math.max(1, all) };
}

/** Connections of one machine to a node's Patroni, which has a thread for each. */
export const patroniPerSource = 16;

/**
 * Connections one machine may have to a port that is not for clients, by who comes: several times what it opens when it is busiest.
 * Client ports have no such limit: their clients may all come by one address.
 *
 * At PostgreSQL a place is taken from the first byte on, not from the login: without a limit any machine that says nothing holds
 * them all. A proxy has half as much again as its share, since after a reload HAProxy's old worker keeps its sessions for a while
 * beside those of the new one, and 20 that cancel a query.
 */
export const perSource = (
  sizes: Pick<Sizes, "nodes" | "postgresql">,
): Partial<Record<number, Partial<Record<Source, number>>>> => ({
  [ports.ssh]: { outside: 100 },
  [ports.etcdClient]: { etcd: 100, postgresql: 100 },
  [ports.etcdPeer]: { etcd: 50 },
  [ports.postgresql]: { haproxy: Math.ceil(1.5 * share(sizes)) + 20, postgresql: 16, etcd: 8 },
  [ports.patroni]: { haproxy: patroniPerSource, postgresql: patroniPerSource, etcd: patroniPerSource },
  [ports.gate]: { postgresql: 8 },
});
