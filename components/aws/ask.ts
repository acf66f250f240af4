/** Questions to AWS at plan time, with answers that say what to do. */
import type { Fault } from "../../settings/faults";

/** What the engine and the provider put around an error of AWS. */
const frames = /^(invocation of \S+ returned an error: |invoking \S+: |\d+ errors? occurred:\s*(\* )?|.*\bapi error )+/;

/** The part of an error that a person can use. */
export function said(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(frames, "").trim().split("\n")[0]!.slice(0, 400) || "no reason given";
}

/** How the provider and EC2 say that something does not exist. */
const missing = /no matching|no results|not found|do(es)? not exist|NotFound|InvalidInstanceType|InvalidAMIID/i;

/**
 * Asks one question. When AWS has no such thing, `absent` is the fault; any other error is a fault of its own, since what could
 * not be looked up need not be missing.
 * @param path the settings' key that the question is about
 */
export async function ask<T>(
  path: string,
  question: Promise<T>,
  absent: string,
  check: (answer: T) => Fault[] | Promise<Fault[]>,
): Promise<Fault[]> {
  let answer: T;
  try {
    answer = await question;
  } catch (error) {
    const fault = missing.test(String(error)) ? absent : `could not be checked, AWS says: ${said(error)}`;
    return [{ path, fault }];
  }
  return check(answer);
}
