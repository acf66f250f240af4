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
  /** HAProxy and PgBouncer: how long a connection to a server may take to open, seconds. */
  connectTimeout: number;
  /** HAProxy: how long a client or server may be silent before its session is cut, seconds. */
  idleTimeout: number;
  /** PgBouncer: pause before a failed server login is tried again (`server_login_retry`), seconds. */
  loginRetry: number;
  /** How long sent data may stay unacknowledged before a connection is dead (`TCP_USER_TIMEOUT`), milliseconds. */
  tcpUserTimeout: number;
  /** systemd: pause before a daemon that died is started again (`RestartSec`), milliseconds. */
  restartDelay: number;
}

/**
 * The presets. `classic` is the clock of the hand-made set-up this project grew out of, kept as the baseline to measure
 * against. `fast` sits on Patroni's floors (ttl 20, loop 1, retry 3), which are the fastest it allows: see
 * patroni/validator.py and docs/dynamic_configuration.rst of Patroni 4.1 for the floors and the law
 * `loop_wait + 2 * retry_timeout <= ttl`.
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
    connectTimeout: 5,
    idleTimeout: 30,
    loginRetry: 15,
    tcpUserTimeout: 30_000,
    restartDelay: 1000,
  },
  fast: {
    ttl: 20,
    loopWait: 1,
    retryTimeout: 3,
    primaryStartTimeout: 0,
    checkInterval: 500,
    checkFast: 200,
    checkDown: 200,
    fall: 2,
    rise: 1,
    connectTimeout: 2,
    idleTimeout: 3600,
    loginRetry: 1,
    tcpUserTimeout: 5000,
    restartDelay: 100,
  },
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
