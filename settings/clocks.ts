/**
 * The failover clock: every timing that decides how soon a fault is noticed and how soon clients are served again,
 * bound together under one name. Patroni, HAProxy, PgBouncer, TCP and systemd read their share of it, so no layer waits
 * for another by accident.
 */

/** A timing of the clock. */
export interface Timing {
  /** Unit; "": a number of checks, or a switch. */
  unit: "s" | "ms" | "";
  /** Whose it is: who reads it. */
  layer: string;
  means: string;
  /**
   * What values it takes: `count` whole numbers from 1 on, `or none` also 0, which means "at once" or "not at all"; `fraction` from
   * 0.1 on. Anywhere else 0 would mean "never", or be refused by the daemon.
   * @default "count"
   */
  kind?: "count" | "or none" | "fraction";
  /** The least that its layer takes, whatever is written (Patroni 4.1, patroni/validator.py), or that it can do its work with. */
  floor?: number;
}

/** Every timing there is: type, schema, faults, report and docs/settings.md follow from this table. */
export const timings = {
  ttl: {
    unit: "s",
    layer: "Patroni",
    floor: 20,
    means: "life of the leader key: a leader whose machine is gone is replaced after this",
  },
  loopWait: { unit: "s", layer: "Patroni", floor: 1, means: "pause between two rounds" },
  retryTimeout: { unit: "s", layer: "Patroni", floor: 3, means: "patience with etcd and PostgreSQL" },
  primaryStartTimeout: {
    unit: "s",
    layer: "Patroni",
    kind: "or none",
    means: "time for a crashed leader to start again before a standby takes over",
  },
  checkInterval: { unit: "ms", layer: "HAProxy", means: "interval of health checks (`inter`)" },
  checkFast: { unit: "ms", layer: "HAProxy", means: "interval while a server changes state (`fastinter`)" },
  checkDown: { unit: "ms", layer: "HAProxy", means: "interval while a server is down (`downinter`)" },
  fall: { unit: "", layer: "HAProxy", means: "failed checks until a server is down" },
  rise: { unit: "", layer: "HAProxy", means: "good checks until a server is up" },
  // HAProxy waits as long, 1 s at most, before it tries a server again that refused (manual, `retries`), so a long one is felt by
  // every client that connects in a failover.
  connectTimeout: {
    unit: "ms",
    layer: "HAProxy",
    floor: 100,
    means: "time to open a connection to PostgreSQL, and before it tries again",
  },
  idleTimeout: {
    unit: "s",
    layer: "HAProxy",
    kind: "or none",
    means: "life of a silent session; 0: as long as TCP's keepalive finds both its ends alive (`peerTimeout`)",
  },
  loginRetry: {
    unit: "s",
    layer: "PgBouncer",
    kind: "fraction",
    means: "pause after a failed server login (`server_login_retry`)",
  },
  hold: {
    unit: "s",
    layer: "HAProxy",
    kind: "or none",
    means: "a new connection for writes waits for this time while nobody leads; 0: it is refused",
  },
  pause: {
    unit: "s",
    layer: "PgBouncer",
    kind: "or none",
    means: "longest pause of the pools at a planned switchover; 0: none",
  },
  witness: {
    unit: "s",
    layer: "witnesses",
    kind: "or none",
    means: "a leader that is gone loses its key once it has not renewed it for this time; 0: none",
  },
  witnessArmed: {
    unit: "",
    layer: "witnesses",
    kind: "or none",
    means: "1: they free the key; 0: they only write into their journals that they would",
  },
  // PostgreSQL's wal_sender_timeout and wal_receiver_timeout; half of it everywhere else before TCP probes the peer three times, a
  // second apart. Never TCP_USER_TIMEOUT, which also ends a client that takes its time to read a long answer.
  peerTimeout: { unit: "ms", layer: "PostgreSQL, TCP", floor: 1000, means: "how long a peer may be silent" },
  restartDelay: {
    unit: "ms",
    layer: "systemd",
    means: "pause before a daemon that died is started again (`RestartSec`)",
  },
} satisfies Record<string, Timing>;

export type Clock = Record<keyof typeof timings, number>;

const fast = {
  ttl: 20,
  loopWait: 1,
  retryTimeout: 3,
  primaryStartTimeout: 0,
  checkInterval: 500,
  checkFast: 200,
  checkDown: 200,
  fall: 2,
  rise: 1,
  connectTimeout: 500,
  idleTimeout: 0,
  loginRetry: 0.2,
  hold: 60,
  pause: 4,
  witness: 0,
  witnessArmed: 0,
  peerTimeout: 5000,
  restartDelay: 100,
};

/**
 * The presets. `classic` is the clock of the hand-made set-up this project grew out of, kept as the baseline to measure
 * against. `fast` sits on Patroni's floors (ttl 20, loop 1, retry 3), which are the fastest it allows: see
 * patroni/validator.py and docs/dynamic_configuration.rst of Patroni 4.1 for the floors and the law
 * `loop_wait + 2 * retry_timeout <= ttl`. `witnessed` goes below the ttl for a leader that is gone: docs/witness.md.
 */
export const clocks = {
  classic: {
    ttl: 30,
    loopWait: 10,
    retryTimeout: 10,
    primaryStartTimeout: 300,
    checkInterval: 3000,
    checkFast: 3000,
    checkDown: 3000,
    fall: 3,
    rise: 2,
    connectTimeout: 5000,
    idleTimeout: 30,
    loginRetry: 15,
    hold: 0,
    pause: 0,
    witness: 0,
    witnessArmed: 0,
    peerTimeout: 30_000,
    restartDelay: 1000,
  },
  fast,
  witnessed: { ...fast, witness: 2, witnessArmed: 1 },
} satisfies Record<string, Clock>;

/** Name of a clock preset. */
export type ClockName = keyof typeof clocks;

/** Names of the presets, in the order they are documented. */
export const clockNames = Object.keys(clocks) as ClockName[];

/**
 * The longest time, in milliseconds, that HAProxy needs to notice that a server's role has changed: one ordinary
 * interval until the first failed check, then `fall - 1` fast ones (HAProxy configuration manual, `inter`, `fastinter`).
 */
export function detectionWindow(clock: Clock): number {
  return clock.checkInterval + (clock.fall - 1) * clock.checkFast;
}

/** What is wrong with a clock, as pairs of field and what to write instead; empty when it is sound. */
export function timingFaults(clock: Clock): { field: keyof Clock; fault: string }[] {
  const faults: { field: keyof Clock; fault: string }[] = [];
  for (const [field, { floor, unit, layer }] of Object.entries<Timing>(timings) as [keyof Clock, Timing][]) {
    if (floor === undefined || clock[field] >= floor) continue;
    const fault = `is ${clock[field]} ${unit}, but ${layer}'s floor is ${floor} ${unit}; write ${floor} or more`;
    faults.push({ field, fault });
  }
  const needed = clock.loopWait + 2 * clock.retryTimeout;
  if (needed > clock.ttl) {
    faults.push({
      field: "ttl",
      fault:
        `is ${clock.ttl} s, but loopWait + 2 * retryTimeout = ${needed} s must fit into it; ` +
        `write ${needed} or more, or lower loopWait or retryTimeout`,
    });
  }
  if (clock.witness === 1) {
    faults.push({
      field: "witness",
      fault: "is 1 s, but a leader renews its key only about once a second; write 2 or more, or 0 for none",
    });
  }
  const window = detectionWindow(clock);
  if (window >= clock.ttl * 1000) {
    faults.push({
      field: "checkInterval",
      fault:
        `makes HAProxy notice a change only after ${window / 1000} s, later than the leader key lives ` +
        `(ttl ${clock.ttl} s); write a shorter interval`,
    });
  }
  return faults;
}

/** How long before its key expires the watchdog resets a leader that hangs, seconds. Patroni's default. */
export const watchdogMargin = 5;

/** Whether witnesses free the leader key of a leader that is gone. */
export const hasWitness = ({ witness }: Pick<Clock, "witness">): boolean => witness > 0;

/** Whether clients wait for a planned switchover, held by the gate. */
export const hasPause = ({ pause }: Pick<Clock, "pause">): boolean => pause > 0;

/** What of a clock says which services there are. */
export type Switches = Pick<Clock, "pause" | "witness">;
