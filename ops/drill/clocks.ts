import { isDeepStrictEqual } from "node:util";
import { clocks, type Clock } from "../../settings/clocks";

/**
 * Timings that others ship, to be measured beside ours on the same machines under the same load. Patroni's and HAProxy's
 * are theirs; every other layer has this project's default, so that the difference is theirs alone.
 */
export const othersClocks = {
  /** vitabaks/autobase, roles patroni and haproxy: ttl 30, loop 10, retry 10, start 300; inter 3s fastinter 1s fall 3 rise 4. */
  autobase: {
    ...clocks.fast,
    ttl: 30,
    loopWait: 10,
    retryTimeout: 10,
    primaryStartTimeout: 300,
    checkInterval: 3000,
    checkFast: 1000,
    checkDown: 3000,
    fall: 3,
    rise: 4,
  },
  /** pgsty/pigsty, roles/pgsql/defaults/main.yml, `pg_rto: fast`. */
  "pigsty-fast": {
    ...clocks.fast,
    ttl: 20,
    loopWait: 5,
    retryTimeout: 5,
    primaryStartTimeout: 15,
    checkInterval: 1000,
    checkFast: 500,
    checkDown: 1000,
    fall: 3,
    rise: 3,
  },
  /** The same, `pg_rto: norm`, its default. */
  "pigsty-norm": {
    ...clocks.fast,
    ttl: 30,
    loopWait: 5,
    retryTimeout: 10,
    primaryStartTimeout: 25,
    checkInterval: 2000,
    checkFast: 1000,
    checkDown: 2000,
    fall: 3,
    rise: 3,
  },
} satisfies Record<string, Clock>;

/** Every clock a drill can run on, by name. */
export const drillClocks: Record<string, Clock> = { ...clocks, ...othersClocks };

/** The name of a clock; `custom` when it is none of ours. */
export const clockName = (clock: Clock) =>
  Object.entries(drillClocks).find(([, known]) => isDeepStrictEqual(known, clock))?.[0] ?? "custom";
