import { pgbouncerConsole, poolersOf } from "../ask";
import type { ClusterOutput } from "../../components/outputs";
import { parseCsv } from "./csv";

/** Shell words that ask PgBouncer what is paused: single databases are in its first answer, all of them at once in the second. */
export const showPaused = (cluster: ClusterOutput, seconds: number) =>
  pgbouncerConsole(poolersOf(cluster), seconds, "SHOW DATABASES", "SHOW STATE");

/** Databases held by PAUSE, from the answers to `showPaused`, which begin anew with each PgBouncer. */
export function pausedPools(answers: string): string[] {
  const held = answers.split(/^(?=name,)/m).flatMap((answer) => {
    const [databases = "", state = ""] = answer.split(/^key,value$/m);
    const all = /^paused,yes$/m.test(state);
    return parseCsv(databases)
      .filter((row) => row.name !== "pgbouncer" && (all || row.paused === "1"))
      .map((row) => row.name!);
  });
  return [...new Set(held)];
}
