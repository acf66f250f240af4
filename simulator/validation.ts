import type { Validation } from "../ops/validate/command";
import type { TestStack } from "./stack";

/** Runs `pgha validate --json` and gives what it found. */
export async function validation(stack: TestStack, ...options: string[]): Promise<Validation> {
  const { stdout, stderr } = await stack.pgha("validate", "--json", ...options);
  try {
    return JSON.parse(stdout) as Validation;
  } catch {
    throw new Error(`pgha validate printed no JSON: ${stdout}\n${stderr}`);
  }
}

/** Failed checks as `group: name`. */
export function failedChecks({ checks }: Validation): string[] {
  return checks.filter(({ ok }) => !ok).map(({ group, name }) => `${group}: ${name}`);
}

/** Failed checks with what each says, for messages. */
export function complaints({ checks }: Validation): string {
  return checks
    .filter(({ ok }) => !ok)
    .map(({ group, name, error }) => `${group}: ${name}: ${error}`)
    .join("\n");
}

/** Validates until everything passes; the last complaints are the failure. */
export async function becomesWhole(stack: TestStack, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await validation(stack, "--quick");
    if (found.ok) return;
    if (Date.now() > deadline) throw new Error(`not whole after ${seconds} s:\n${complaints(found)}`);
  }
}
