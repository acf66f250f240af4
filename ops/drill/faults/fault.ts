import type { Clock } from "../../../settings/clocks";
import type { PowerAction } from "../power/model";
import type { World } from "../world";

/** Something that may befall a cluster. All that it leaves behind, `heal` undoes. */
export interface Fault {
  name: string;
  title: string;
  /** What clients see, in words. @param synchronous whether commits wait for a standby */
  expects(clock: Clock, synchronous: "quorum" | "off"): string;
  /** Seconds that it lasts, or is watched, before it is healed. */
  hold(clock: Clock): number;
  /** False: no write goes through while it lasts, so the heal must not wait for one. @default true */
  waitForWrites?: boolean;
  /** One of those that every release is tested with. */
  main?: boolean;
  /** Why it cannot be injected here; undefined: it can. */
  needs?(world: World): Promise<string | undefined>;
  /** Injects it, into those who have the roles now. */
  inject(world: World): Promise<Injected>;
}

/** What a fault was done to. */
export interface Injected {
  /** Names of nodes. */
  targets: string[];
  note?: string;
}

/** Seconds in which a daemon that died is back, and what it brought down with it. */
export const restartHold = (clock: Clock) => 2 * clock.loopWait + 10;

/** Seconds in which a leader that fell silent has been replaced: its key has ended and a standby was promoted. */
export const failoverHold = (clock: Clock) => clock.ttl + 2 * clock.loopWait + 5;

/** A fault's `needs` when it does something to machines from outside. */
export const needsPower =
  (action: PowerAction) =>
  ({ power }: World) =>
    Promise.resolve(power.cannot(action));
