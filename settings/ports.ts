/** Ports the daemons listen on, the same on every machine of every stack. */
export const ports = {
  ssh: 22,
  etcdClient: 2379,
  etcdPeer: 2380,
  postgresql: 5432,
  patroni: 8008,
  write: 5000,
  read: 5001,
  stats: 7000,
  pooled: 6432,
  pooledRead: 6433,
  /** The proxies' gate, for the database nodes only. */
  gate: 8009,
  /** The proxies' answers to a load balancer in front of them: whether a leader or a replica is behind them. */
  health: 8010,
  /** The proxies' doors for that load balancer, which says of each connection whose it is (PROXY protocol). Nobody else's. */
  balancedWrite: 5010,
  balancedRead: 5011,
  balancedPooled: 6442,
  balancedPooledRead: 6443,
  /** On the proxies' loopback interface only: who leads, as HAProxy's checks ask it; where connections wait for a leader. */
  role: 8108,
  hold: 5009,
  /** The first of those by which PgBouncer reaches replicas (`homes.ts`). */
  homes: 5021,
} as const;

/** Uses a client has for a proxy. */
export type ClientPort = "write" | "read" | "stats" | "pooled" | "pooledRead";
