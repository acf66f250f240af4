/** What `pgha status` knows; with `--json` it is printed as it stands, so its keys are an interface. */
export interface Status {
  stack: string;
  cluster: string;
  /** Nothing is amiss: no warnings. */
  whole: boolean;
  leader: string | null;
  timeline: number | null;
  /** Patroni is in maintenance mode: nobody fails over by itself. */
  paused: boolean;
  /** A switchover that is planned for later (`at`, ISO 8601) or under way; null: none. */
  switchover: { from: string | null; to: string | null; at: string | null } | null;
  database: DatabaseNode[];
  etcd: EtcdNode[];
  proxies: ProxyNode[];
  certificates: Certificate[];
  /** Fullest file system of each node, per cent. */
  disks: { node: string; path: string; used: number }[];
  warnings: string[];
}

export interface Certificate {
  node: string;
  /** Its end, ISO 8601. */
  expires: string;
  /** Whole days until then. */
  days: number;
  /** Close enough to its end to be renewed now: less than 30 days and less than a tenth of its life are left. */
  ending: boolean;
}

interface Reachable {
  name: string;
  /** The node answered; otherwise `problem` says why not, and its other fields are null. */
  reachable: boolean;
  problem: string | null;
}

export interface DatabaseNode extends Reachable {
  /** `leader`, `sync_standby`, `quorum_standby`, `replica`; without etcd `standby`; null: not a member now. */
  role: string | null;
  /** `running`, `streaming`, `stopped`, ... */
  state: string | null;
  timeline: number | null;
  /** Bytes behind the leader; null for the leader and when unknown. */
  lag: number | null;
  /** `quorum`, `sync`, `async`; null for the leader. */
  sync: string | null;
  pendingRestart: boolean;
  /** Replay of received changes was stopped by hand. */
  replayPaused: boolean;
  /** Its tags keep it from leading. */
  nofailover: boolean;
  /** It took part in failsafe mode (etcd out of the leader's reach) within the last `ttl`. */
  failsafe: boolean;
  /** Clients' transactions in the application's database open for more than 1 s, the oldest five; null: unknown. */
  longTransactions: { pid: number; user: string; seconds: number }[] | null;
  postgresql: string | null;
  patroni: string | null;
}

export interface EtcdNode extends Reachable {
  healthy: boolean;
  leader: boolean;
  dbSize: number | null;
  version: string | null;
  alarms: string[];
}

export interface ProxyNode extends Reachable {
  haproxy: {
    version: string | null;
    /** Servers up, by name, as HAProxy's checks see them. */
    write: string[];
    read: string[];
  } | null;
  pgbouncer: {
    version: string | null;
    clients: { active: number; waiting: number };
    servers: { active: number; idle: number };
    /** How long the client that has waited longest for a server connection has been waiting, seconds. */
    longestWait: number;
    /** Databases held by PAUSE. */
    paused: string[];
  } | null;
}
