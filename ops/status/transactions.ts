/** Transactions that are in the way: open for long, waited for by others, or forgotten by a client that has a connection of the pool. */
import { originOf, type Hop, type Seen } from "./hops";
import { plain } from "./logins";
import type { Status, Transaction } from "./model";

/** What PostgreSQL knows of one. */
export type Open = Seen & Omit<Transaction, "node" | "client" | "proxy">;

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
