import { stackConfig } from "./config";
import type { Calls } from "./mocks-aws";
import { runIndex, type Registered, type Run } from "./program";

export type Inputs = Record<string, unknown>;

/**
 * A committed stack's program on AWS.
 * @param change what is put into its `pgha:aws`
 * @param calls answers of AWS in place of the usual ones
 */
export function runAws(stack: "staging" | "prod", change: Inputs = {}, calls?: Calls): Promise<Run> {
  const config = stackConfig(stack);
  const section = { ...(JSON.parse(config["pgha:aws"]!) as Inputs), ...change };
  return runIndex({ ...config, "pgha:aws": JSON.stringify(section) }, { stack, calls });
}

/** The resources of a type, as "Instance", in the order they were declared. */
export const ofType = (run: Run, type: string): Registered[] =>
  [...run.resources.values()].filter((one) => one.type.endsWith(`:${type}`));
