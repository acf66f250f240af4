import type { Clock } from "../../settings/clocks";

/**
 * What an outage is made of, ms. The sum of a fault's terms is the longest time without an acknowledged write on the pooled
 * path; they seldom all have their worst at once. For a cluster with at least two standbys, quorum commit and the load of
 * `pgha load`.
 */
const terms = {
  /**
   * Until the leader key of a leader that fell silent just after it had renewed it is free: its life, and etcd looks for ended
   * leases every 500 ms (server/lease/lessor.go, `runLoop`). Witnesses free it sooner: their patience, a renewal up to 1 s ago,
   * and 500 ms for their looks and their agreement (docs/witness.md).
   */
  keyFree: ({ ttl, witness }) => (witness > 0 ? witness * 1000 + 1500 : ttl * 1000 + 500),
  /** The same where witnesses may not free it. */
  keyEnds: ({ ttl }) => ttl * 1000 + 500,
  /**
   * A new etcd leader gives every lease its full life again, and an election timeout (1 s) more (lessor.go, `Promote`).
   * Before that, members wait for a random 1 to 2 s; a split vote makes them wait once more.
   */
  etcdElection: () => 1000 + 2 * 2000,
  /** Patroni looks at PostgreSQL once a round (ha.py, `run_cycle`). */
  loopWait: ({ loopWait }) => loopWait * 1000,
  /** Patroni has a crashed leader start again for this time, then it needs another round (docs/dynamic_configuration.rst). */
  restart: ({ primaryStartTimeout, loopWait }) =>
    primaryStartTimeout > 0 ? (primaryStartTimeout + loopWait) * 1000 : 0,
  /** A candidate asks every member how far it is, the old leader too, and gives it 2 s (ha.py, `fetch_node_status`). */
  probe: () => 2000,
  /** The same of a leader that fell silent: witnesses take its address out of its member's key. */
  probeSilent: ({ witness }) => (witness > 0 ? 0 : 2000),
  /**
   * PostgreSQL's own stop, and the release of the key. Where Patroni itself stops PostgreSQL it looks a second later whether it
   * has stopped (postgresql/__init__.py, `_wait_for_connection_close`); with a pause before-stop.sh does.
   */
  stop: ({ pause }) => (pause > 0 ? 1000 : 2000),
  /** The guard: what it asks, and 300 ms in which an old leader that lives must have said so (guard.py). */
  guard: () => 600,
  /** `pg_promote`, with the end of replay and a new timeline. Seldom above 100 ms. */
  promotion: () => 1000,
  /** A commit needs a standby again, and the one that lost the race may still be asking the dead leader. */
  follow: () => 2000,
  /** A standby whose connection was refused tries again after `wal_retrieve_retry_interval` (cloud-init/services/patroni/files.ts). */
  walRetry: () => 500,
  /** Crash recovery of what the drill's load writes between two checkpoints. It grows with WAL, which no clock limits. */
  recovery: () => 3000,
  /** A daemon that died is started again by systemd (`RestartSec`). */
  restartDelay: ({ restartDelay }) => restartDelay,
  /** A proxy's daemon starts, and asks who leads. */
  start: () => 2000,
  /** HAProxy looks at a server that is down every `downinter`, and while it comes up every `fastinter` (manual, 5.2). */
  serverUp: ({ checkDown, checkFast, rise }) => checkDown + (rise - 1) * checkFast,
  /** HAProxy tries again after its connect time-out, 1 s at most (manual, `retries`). */
  turnAround: ({ connectTimeout }) => Math.min(connectTimeout, 1000),
  /** PgBouncer's last login failed just before (doc/config.md, `server_login_retry`). */
  login: ({ loginRetry }) => loginRetry * 1000,
  /** The longest pause of our load's clients between two tries to connect. */
  client: () => 500,
  /** The leader's machine stands still for 10 s (drill/faults/machines.ts). */
  paused: () => 10_000,
  /** The leader is alone for 3 s before it is switched off (drill/faults/combined.ts). */
  alone: () => 3000,
  /** For everything that takes its time on a busy machine: the scheduler, fsync, TLS handshakes. */
  slowness: () => 2000,
} satisfies Record<string, (clock: Clock) => number>;

type Term = keyof typeof terms;

/** From a leader that is ready until a client's write is acknowledged. */
const reconnect: Term[] = ["serverUp", "turnAround", "login", "client", "slowness"];
/** From a free key until a client's write is acknowledged. */
const takeOver: Term[] = ["guard", "promotion", ...reconnect];
/** A leader that fell silent: its key ends, then a standby takes over. */
const silent: Term[] = ["keyFree", "probeSilent", "follow", ...takeOver];
/** The same, and no witness helps. */
const unwitnessed: Term[] = ["keyEnds", "probe", "follow", ...takeOver];
/** A planned hand-over. */
const handOver: Term[] = ["stop", ...takeOver];
/** The leader goes on, and so do the clients of at least one proxy. */
const nothing: Term[] = ["slowness"];

/** Every fault's terms; a text says why there is no bound. */
const faults: Record<string, Term[] | string> = {
  switchover: handOver,
  // Of the hand-over; the standbys' restarts cost nothing, because another one confirms.
  "change-setting": handOver,
  "kill-postmaster": ["loopWait", "restart", ...handOver],
  "kill-backend": ["recovery", "walRetry", ...reconnect],
  // HAProxy keeps Patroni's last word, and PostgreSQL runs on.
  "kill-patroni": nothing,
  // Every layer has to wait for the processor, and here the clients share it.
  "burn-leader": ["slowness", "slowness"],
  // Clients go on until its key ends; then only the hand-over counts.
  "freeze-patroni": ["follow", ...takeOver],
  "freeze-postmaster":
    "sessions go on and new ones hang for as long as it is frozen: Patroni does not look (patroni#1371)",
  // Patroni hangs in its query, so it renews the key no more.
  "freeze-postgresql": silent,
  "stop-leader": ["probe", ...handOver],
  "reboot-leader": ["probe", ...handOver],
  "power-off-leader": silent,
  "pause-leader": silent,
  "pause-leader-briefly": ["paused", ...reconnect],
  // Another standby confirms.
  "power-off-standby": nothing,
  // The other proxy's clients go on.
  "power-off-proxy": nothing,
  "kill-haproxy": ["restartDelay", "start", ...reconnect],
  "kill-pgbouncer": ["restartDelay", "start", "client", "slowness"],
  "cut-leader": silent,
  "witnesses-disagree": silent,
  "witnesses-outvoted": unwitnessed,
  // Nothing, as long as failsafe mode finds every member (docs/dcs_failsafe_mode.rst); else as any leader that fell silent.
  "cut-leader-from-etcd": silent,
  "cut-leader-to-etcd": silent,
  "cut-leader-from-standbys":
    "the leader keeps its key and no standby confirms: writes wait for as long as the cut lasts",
  "cut-standbys-to-leader":
    "the leader keeps its key and no standby confirms: writes wait for as long as the cut lasts",
  "power-off-etcd": nothing,
  "power-off-etcd-leader": nothing,
  // Failsafe mode keeps the leader.
  "kill-etcd-all": nothing,
  "cut-etcd-leader": nothing,
  "disk-full-leader":
    "which write meets the full disk first decides: WAL ends PostgreSQL, a table's file fails statements for as long as it lasts",
  // Patroni's own idea of how long it leads is by the clock that jumped; the next round puts it right.
  "clock-jump": ["loopWait", ...reconnect],
  "power-off-leader-and-etcd-leader": ["etcdElection", "loopWait", ...silent],
  "cut-standbys-then-power-off": ["alone", ...silent],
};

/**
 * The longest time without an acknowledged write on the pooled path that a fault may cause on a clock, ms.
 * @returns null when no bound can be given, or there is no such fault
 */
export function outageBound(fault: string, clock: Clock): number | null {
  const chain = faults[fault];
  return Array.isArray(chain) ? chain.reduce((sum, term) => sum + terms[term](clock), 0) : null;
}

/** A fault's worst case. */
export interface WorstCase {
  fault: string;
  /** Milliseconds. */
  bound: number | null;
  /** What it is made of, or why there is none. */
  because: string;
}

/** The worst case of every fault on a clock, for the documentation. Terms of no length are left out. */
export function worstCases(clock: Clock): WorstCase[] {
  return Object.entries(faults).map(([fault, chain]) => ({
    fault,
    bound: outageBound(fault, clock),
    because: Array.isArray(chain)
      ? chain.flatMap((term) => (terms[term](clock) > 0 ? `${term} ${terms[term](clock) / 1000}` : [])).join(" + ")
      : chain,
  }));
}
