import { poolerCounts, type PoolerCounts } from "../../../settings/limits";
import { ports } from "../../../settings/ports";
import type { Node, Plan } from "../../../settings/plan";

/** One PgBouncer: a process that uses one core. A proxy has several at a port (`poolerCounts`). */
export interface Pooler {
  /** Its systemd unit: `pgbouncer`, `pgbouncer-2`, ..., `pgbouncer-read`, ... */
  unit: string;
  /** The port it shares with the others of its use: `pooled` leads to the leader, `pooledRead` to the replicas. */
  use: keyof PoolerCounts;
  /** Which of its use it is, from 1 on. */
  number: number;
  /** Folder of its Unix socket. */
  sockets: string;
}

/** The PgBouncers of a proxy. */
export const poolers = (counts: PoolerCounts): Pooler[] =>
  (["pooled", "pooledRead"] as const).flatMap((use) =>
    Array.from({ length: counts[use] }, (_, index): Pooler => {
      const first = use === "pooled" ? "pgbouncer" : "pgbouncer-read";
      const further = index > 0;
      return {
        unit: further ? `${first}-${index + 1}` : first,
        use,
        number: index + 1,
        sockets: further ? `/run/pgbouncer/${index + 1}` : "/var/run/postgresql",
      };
    }),
  );

/** Those of a stack's proxies. */
export const poolersOf = ({ settings }: Plan): Pooler[] => poolers(poolerCounts(settings));

/** Its Unix socket. */
export const socketOf = ({ sockets, use }: Pooler): string => `${sockets}/.s.PGSQL.${ports[use]}`;

/** Its configuration. */
export const configOf = ({ unit }: Pooler): string => `/etc/pgbouncer/${unit}.ini`;

/** Room for the PgBouncers of a proxy in the numbers by which they know one another. PgBouncer takes ids up to 16383. */
const mostPoolers = 256;

const peerId = (proxy: number, { number }: Pooler): number => proxy * mostPoolers + number;

/**
 * Who a pooler is among those of its use, and how it reaches the others: a client's cancel is a connection of its own, which may come
 * to another process than its session, or to another proxy. There it may again be met by another process, which hands it on.
 */
export function peersOf(plan: Plan, node: Node, pooler: Pooler): { id: number; peers: Record<string, string> } {
  const port = ports[pooler.use];
  const same = poolersOf(plan).filter(({ use }) => use === pooler.use);
  const all = plan.haproxy.flatMap(({ name, address }, index) =>
    same.map((one): [number, string] => [
      peerId(index + 1, one),
      `host=${name === node.name ? one.sockets : address} port=${port}`,
    ]),
  );
  const proxy = plan.haproxy.findIndex(({ name }) => name === node.name) + 1;
  return { id: peerId(proxy, pooler), peers: Object.fromEntries(all) };
}
