import { declaredPools } from "./databases";
import type { Source } from "./flows";
import { readNumber } from "./parameters/numbers";
import { ports } from "./ports";
import type { Settings } from "./schema";

/** Connections to PostgreSQL kept free of clients by default: for superusers, and what Patroni and operators open. */
export const reservedConnections = 10;

/** PostgreSQL's own defaults of what it keeps for some. */
const reserves: Record<string, number> = { superuser_reserved_connections: 3, reserved_connections: 0 };

/** Connections that clients do not get: `reservedConnections`, and what the settings keep beyond PostgreSQL's defaults. */
export const keptConnections = ({ parameters }: Pick<Settings["postgresql"], "parameters">): number =>
  Object.entries(parameters).reduce((sum, [name, value]) => {
    const usual = reserves[name.toLowerCase()];
    const read = usual === undefined ? undefined : readNumber(String(value), "integer");
    return read && "value" in read ? sum + Math.max(0, read.value - usual!) : sum;
  }, reservedConnections);

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
 * Connections of the PgBouncers of a proxy to each database that a role has made by itself (`createDatabases`). They are in no other
 * limit: such databases are those of tests, and come and go.
 */
export const madeConnections = 10;

type Sizes = Pick<Settings, "machines" | "nodes" | "pool" | "postgresql" | "databases">;

/** Places at each PostgreSQL for each proxy: all of them together leave the reserve free. */
const share = ({ nodes, postgresql }: Pick<Sizes, "nodes" | "postgresql">) =>
  Math.floor((postgresql.maxConnections - keptConnections(postgresql)) / nodes.haproxy);

/** PgBouncer processes of a proxy, by what they are for. */
export type PoolerCounts = Record<"pooled" | "pooledRead", number>;

/** PgBouncer uses one core, so there is one for each core; for reads also one for each replica, which is its home (`homes.ts`). */
export const poolerCounts = ({ machines, nodes }: Pick<Sizes, "machines" | "nodes">): PoolerCounts => ({
  pooled: machines.haproxy.cpus,
  pooledRead: Math.max(machines.haproxy.cpus, nodes.postgresql - 1),
});

/** Server connections of a proxy's PgBouncers beside their pools of the first database: those of `databases`, and lookups. */
export const besidePool = (use: keyof PoolerCounts, sizes: Sizes): number =>
  declaredPools(sizes) + lookupConnections * poolerCounts(sizes)[use];

/** Room that one proxy has for its pool of the first database, when one connection is left for clients that come without a pool. */
export const mostPool = (use: keyof PoolerCounts, sizes: Sizes): number => share(sizes) - besidePool(use, sizes) - 1;

/** Server connections of the pools of a proxy. */
const pools = (sizes: Sizes): PoolerCounts => {
  const { size, readSize } = sizes.pool;
  return { pooled: size, pooledRead: readSize ?? Math.min(size, mostPool("pooledRead", sizes)) };
};

/**
 * What one proxy may open to one PostgreSQL, to the leader or to a standby: its PgBouncers their pools and lookups, clients without
 * them the rest, at least one.
 */
export function serverConnections(sizes: Sizes) {
  const all = (use: keyof PoolerCounts) => besidePool(use, sizes) + pools(sizes)[use];
  const rest = (use: keyof PoolerCounts) => Math.max(1, share(sizes) - all(use));
  return { pool: all("pooled"), write: rest("pooled"), pooledRead: all("pooledRead"), read: rest("pooledRead") };
}

/** What each PgBouncer of a proxy has of so many connections. */
export const shareOf = (connections: number, use: keyof PoolerCounts, sizes: Sizes): number =>
  Math.max(1, Math.floor(connections / poolerCounts(sizes)[use]));

/** Server connections of each PgBouncer to the first database. */
export const poolSize = (use: keyof PoolerCounts, sizes: Sizes): number => shareOf(pools(sizes)[use], use, sizes);

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
