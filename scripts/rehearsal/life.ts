/** What a life of a stack is, and steps that many have. */
import type { Rehearsal, Shaping } from "./rehearsal";
import type { Stack } from "./settings";

export type Step = [what: string, work: (rehearsal: Rehearsal) => Promise<void>];

export interface Life {
  /** What happens, for docs/aws.md and the list of them. */
  about: string;
  /** The stack whose file is taken. */
  of: Stack;
  /** What it has beyond that. @default nothing */
  shape?: Shaping;
  steps: Step[];
}

/** The smallest cluster: two database nodes, one proxy. */
export const smallest = { etcd: 3, postgresql: 2, haproxy: 1 };

export const up: Step = ["up", (rehearsal) => rehearsal.up()];
export const whole: Step = ["the validation suite passes", (rehearsal) => rehearsal.isWhole()];
export const stays: Step = ["a second up changes nothing", (rehearsal) => rehearsal.staysAsItIs()];
export const nothingLeft: Step = ["destroy leaves nothing", (rehearsal) => rehearsal.leavesNothing()];
