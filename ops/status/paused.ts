import { pgbouncerConsole } from "../ask";
import { parseCsv } from "./csv";

/** Shell words that ask PgBouncer what is paused: single databases are in the first answer, all of them at once in the second. */
export const showPaused = pgbouncerConsole("SHOW DATABASES", "SHOW STATE");

/** Databases held by PAUSE, from the answers to `showPaused`. */
export function pausedPools(answers: string): string[] {
  const [databases = "", state = ""] = answers.split(/^key,value$/m);
  const all = /^paused,yes$/m.test(state);
  return parseCsv(databases)
    .filter((row) => row.name !== "pgbouncer" && (all || row.paused === "1"))
    .map((row) => row.name!);
}
