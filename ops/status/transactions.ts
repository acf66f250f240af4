/** Transactions that are in the way: open for long, waited for by others, or forgotten by a client that has a connection of the pool. */
import { originOf, type Hop, type Seen } from "./hops";
import { plain } from "./logins";
import type { Status, Transaction } from "./model";

/** Seconds after which a transaction is told of by its age alone. */
const long = 60;
/** Transactions of a node that are told of, the oldest. */
const most = 10;
/** Seconds after which a session that idles in its transaction counts as forgotten: less is a round trip. */
const forgotten = 2;

/** What PostgreSQL knows of one. */
export type Open = Seen & Omit<Transaction, "node" | "client" | "proxy">;

/** Asks for both, as JSON. Never for a query: its text may hold what is secret. */
export const transactionQuestions = {
  open: `WITH waiting AS (
      SELECT DISTINCT pid, unnest(pg_blocking_pids(pid)) AS holder FROM (
        SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND clock_timestamp() - state_change > interval '1 s' LIMIT 100) w
    ) SELECT coalesce(json_agg(t), '[]') FROM (
      SELECT pid, usename AS role, datname AS database, host(client_addr) AS address, client_port AS port, state,
        round(extract(epoch FROM clock_timestamp() - xact_start)) AS seconds,
        round(extract(epoch FROM clock_timestamp() - state_change)) AS "stateSeconds",
        (SELECT count(*) FROM waiting WHERE holder = a.pid) AS "heldUp"
      FROM pg_stat_activity a WHERE backend_type = 'client backend' AND xact_start IS NOT NULL
        AND (clock_timestamp() - xact_start > interval '${long} s' OR pid IN (SELECT holder FROM waiting))
      ORDER BY xact_start LIMIT ${most}) t`,
  idle: `SELECT coalesce(json_agg(t), '[]') FROM (
      SELECT host(client_addr) AS address, client_port AS port FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND state LIKE 'idle in transaction%'
        AND clock_timestamp() - state_change > interval '${forgotten} s' LIMIT 1000) t`,
};

/** Transactions of a node, each with its client. */
export const withClients = (node: string, open: Open[], hops: Hop[]): Transaction[] =>
  open.map(({ address, port, ...known }) => ({ node, ...known, ...originOf({ address, port }, hops) }));

/** How many connections of a proxy's PgBouncer these sessions hold. */
export const heldAt = (proxy: string, idle: Seen[], hops: Hop[]) =>
  idle.filter((seen) => originOf(seen, hops).proxy === proxy).length;

/** Time for people: `12 min`. */
const span = (seconds: number) =>
  seconds < 120
    ? `${seconds} s`
    : seconds < 7200
      ? `${Math.floor(seconds / 60)} min`
      : `${Math.floor(seconds / 3600)} h`;

export const transactionHead = ["TRANSACTION", "OPEN", "STATE", "ROLE", "DATABASE", "CLIENT", "HOLDS UP"];

export const transactionRow = (one: Transaction): string[] => [
  `${one.node} pid ${one.pid}`,
  span(one.seconds),
  one.state.startsWith("idle") ? `${one.state}, for ${span(one.stateSeconds)}` : one.state,
  plain(one.role ?? "-"),
  plain(one.database ?? "-"),
  `${one.client ?? "the node itself"}${one.proxy === null ? "" : `, pooled by ${one.proxy}`}`,
  one.heldUp === 0 ? "-" : String(one.heldUp),
];

/** The beginning of what to do about the oldest. */
export const howToEnd = ({ transactions: [oldest] }: Status): string[] =>
  oldest
    ? [
        `\`npx pgha psql --node ${oldest.node} -- -c 'SELECT pg_terminate_backend(${oldest.pid})'\` ends the first, with its session`,
      ]
    : [];
