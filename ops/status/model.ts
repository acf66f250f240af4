import type { EarlyCommits } from "./commits";

/** What `pgha status` knows; with `--json` it is printed as it stands, so its keys are an interface. */
export interface Status {
  stack: string;
  cluster: string;
  /** No problems: no warnings. */
  whole: boolean;
  leader: string | null;
  timeline: number | null;
  /** Patroni is in maintenance mode: nobody fails over by itself. */
  paused: boolean;
  /** A switchover that is planned for later (`at`, ISO 8601) or under way; null: none. */
  switchover: { from: string | null; to: string | null; at: string | null } | null;
  /** Settings by which commits are acknowledged earlier than the cluster promises. */
  earlyCommits: EarlyCommits[];
  /** Transactions that have been open for more than 60 s, or that others wait for, the oldest first: ten of a node at most. */
  transactions: Transaction[];
  database: DatabaseNode[];
  etcd: EtcdNode[];
  /** Members of etcd as it knows them, those without a machine among them. Empty: nobody tells. */
  etcdMembers: EtcdMember[];
  proxies: ProxyNode[];
  certificates: Certificate[];
  /** Services that do not run, with what systemd says of their units: `failed`, `inactive`, `activating`, ... */
  stopped: { node: string; unit: string; state: string }[];
  /** What on a node is not as its last `up` left it: a file changed by hand, a setting in etcd, a right that was dropped. */
  differences: { node: string; text: string }[];
  /** Fullest file system of each node, per cent. */
  disks: { node: string; path: string; used: number }[];
  warnings: string[];
  /** Not a problem, but something is still to be done. */
  notes: string[];
}

export interface Transaction {
  node: string;
  pid: number;
  role: string | null;
  database: string | null;
  /** `active`, `idle in transaction`, `idle in transaction (aborted)`, ... */
  state: string;
  /** How long it has been open, and for how long its session has been in that state. */
  seconds: number;
  stateSeconds: number;
  /** Sessions that wait for a lock of it. */
  heldUp: number;
  /** The client's address, as far as it is known; null: on the node itself. */
  client: string | null;
  /** The proxy whose PgBouncer it comes by; null: past PgBouncer. */
  proxy: string | null;
}

/** Logins that PostgreSQL and PgBouncer have refused within the last hour. */
export interface FailedLogins {
  count: number;
  /** There were more: not all lines of the journals were read. */
  capped: boolean;
  /** The most frequent five, by role and the client's address; `node` is the node's name where the address is one's. */
  most: { role: string; address: string; node: string | null; count: number }[];
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
  /** Why PostgreSQL lets nobody in, though it runs: its own words; null: it does, or nothing is known. */
  refuses: string | null;
  /** Names of parameters that `ALTER SYSTEM` has set. */
  byHand: string[];
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

export interface EtcdMember {
  /** Its name; one that has not started has none, and is known by its peer URL. */
  name: string;
  /** Its peer URL. */
  peer: string;
  /** It gets all data and does not vote yet. */
  learner: boolean;
  /** The stack's node at that URL; null: none. */
  node: string | null;
}

export interface ProxyNode extends Reachable {
  haproxy: {
    version: string | null;
    /** Servers up, by name, as HAProxy's checks see them. */
    write: string[];
    read: string[];
    /**
     * Workers that a reload has replaced and that still have sessions, the oldest first; `seconds` since they started. Null: unknown.
     */
    oldWorkers: { pid: number; seconds: number }[] | null;
  } | null;
  /** All PgBouncers of the proxy together. */
  pgbouncer: {
    version: string | null;
    clients: { active: number; waiting: number };
    servers: { active: number; idle: number };
    /** Server connections that are held by sessions which idle in a transaction, for more than 2 s. */
    idleInTransaction: number;
    /** Databases for which all its server connections are in use. */
    full: string[];
    /** How long the client that has waited longest for a server connection has been waiting, seconds. */
    longestWait: number;
    /** Databases held by PAUSE. */
    paused: string[];
  } | null;
  /** Services that run as their units said before they changed: without limits that are new. Null: unknown. */
  outdated: string[] | null;
}
