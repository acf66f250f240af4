/** What the exit code of every command means. */
export const exitCode = {
  /** Done; the answer is good. */
  ok: 0,
  /** Done; the answer is bad: the cluster is not whole, a check failed, a switchover was refused. */
  bad: 1,
  /** Not done: wrong usage, no such stack, or nothing could be reached. */
  cannot: 2,
} as const;

/** Something the user can fix: shown as one message without a stack trace. */
export class OpsError extends Error {
  constructor(
    message: string,
    readonly code: number = exitCode.cannot,
  ) {
    super(message);
    this.name = "OpsError";
  }
}

/** Text of whatever was thrown, fit for a terminal: a server's message may hold what users put there. */
export const messageOf = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/[^\P{Cc}\n\t]/gu, "?");
