/**
 * The failover clock: every timing that decides how soon a fault is noticed and how soon clients are served again,
 * bound together under one name. Patroni, HAProxy, PgBouncer, TCP and systemd read their share of it, so no layer waits
 * for another by accident.
 */
export interface Clock {
  /** Patroni: life of the leader key, seconds. Patroni's floor is 20. A powered-off leader is replaced after this. */
  ttl: number;
  /** Patroni: pause between two rounds of its loop, seconds. Floor 1. */
  loopWait: number;
  /** Patroni: how long etcd or PostgreSQL may not answer before the leader gives up, seconds. Floor 3. */
  retryTimeout: number;
  /** Patroni: how long a crashed leader may try to start again before a standby takes over, seconds. 0: at once. */
  primaryStartTimeout: number;
  /** HAProxy: interval of health checks in a steady state, milliseconds. */
  checkInterval: number;
  /** HAProxy: interval while a server changes state (`fastinter`), milliseconds. */
  checkFast: number;
  /** HAProxy: interval while a server is down (`downinter`), milliseconds. */
  checkDown: number;
  /** HAProxy: failed checks in a row that mark a server down. */
  fall: number;
  /** HAProxy: good checks in a row that mark a server up. */
  rise: number;
  /**
   * HAProxy: how long a connection to a server may take to open, milliseconds. It waits as long, 1 s at most, before it tries a
   * server again that refused (manual, `retries`), so a long one is felt by every client that connects in a failover.
   */
  connectTimeout: number;
  /** HAProxy: how long a client or server may be silent before its session is cut, seconds. */
  idleTimeout: number;
  /** PgBouncer: pause before a failed server login is tried again (`server_login_retry`), seconds. */
  loginRetry: number;
  /** HAProxy: how long a new connection for writes is held while nobody leads, seconds. 0: it is refused at once. */
  hold: number;
  /** PgBouncer: how long a planned switchover may keep the pools paused, seconds. 0: they are not paused. */
  pause: number;
  /** Witnesses: a leader that is gone loses its key once it has not renewed it for so long, seconds. 0: there are none. */
  witness: number;
  /** Witnesses: 1: they free the key. 0: they only write into their journals that they would. */
  witnessArmed: number;
  /**
   * How long a peer may be silent before its connection is taken for dead, milliseconds: PostgreSQL's `wal_sender_timeout` and
   * `wal_receiver_timeout`; half of it everywhere else before TCP probes it three times, a second apart. Never `TCP_USER_TIMEOUT`,
   * which also ends a client that takes its time to read a long answer.
   */
  peerTimeout: number;
  /** systemd: pause before a daemon that died is started again (`RestartSec`), milliseconds. */
  restartDelay: number;
}

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
  idleTimeout: 3600,
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
export function clockFaults(clock: Clock): { field: keyof Clock; fault: string }[] {
  const faults: { field: keyof Clock; fault: string }[] = [];
  if (clock.ttl < 20) {
    faults.push({ field: "ttl", fault: `is ${clock.ttl} s, but Patroni's floor is 20 s; write 20 or more` });
  }
  if (clock.loopWait < 1) {
    faults.push({ field: "loopWait", fault: `is ${clock.loopWait} s, but Patroni's floor is 1 s; write 1 or more` });
  }
  if (clock.retryTimeout < 3) {
    faults.push({
      field: "retryTimeout",
      fault: `is ${clock.retryTimeout} s, but Patroni's floor is 3 s; write 3 or more`,
    });
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
