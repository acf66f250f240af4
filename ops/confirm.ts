import { createInterface } from "node:readline/promises";
import { OpsError } from "./errors";

/**
 * Asks a yes-or-no question on the terminal.
 * @param what the command that asks, for the message
 * @throws OpsError where nobody can answer
 */
export async function confirmed(question: string, what: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new OpsError(`${what} asks before it starts; add --yes where nobody can answer`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
