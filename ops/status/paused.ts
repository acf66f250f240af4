import { pgbouncerConsole, poolersOf } from "../ask";
import type { ClusterOutput } from "../../components/outputs";
import { parseCsv } from "./csv";

/** Shell words that ask PgBouncer what is paused: single databases are in its first answer, all of them at once in the second. */
export const showPaused = (cluster: ClusterOutput, seconds: number) =>
  pgbouncerConsole(poolersOf(cluster), seconds, "SHOW DATABASES", "SHOW STATE");

/** The answers of several PgBouncers, each of which begins with the names of its columns. @param first of those */
const answersOf = (text: string, first: string) => text.split(new RegExp(`^(?=${first},)`, "m"));

/** Databases held by PAUSE, from the answers to `showPaused`. */
export function pausedPools(answers: string): string[] {
  const held = answersOf(answers, "name").flatMap((answer) => {
    const [databases = "", state = ""] = answer.split(/^key,value$/m);
    const all = /^paused,yes$/m.test(state);
    return parseCsv(databases)
      .filter((row) => row.name !== "pgbouncer" && (all || row.paused === "1"))
      .map((row) => row.name!);
  });
  return [...new Set(held)];
}

/**
 * Databases for which a PgBouncer has no server connection left, all of them in use.
 * @param answers to `showPaused`
 * @param pools answers to SHOW POOLS, of the same PgBouncers
 */
export function fullPools(answers: string, pools: string): string[] {
  const rows = answersOf(pools, "database").map(parseCsv);
  const full = answersOf(answers, "name").flatMap((answer, index) => {
    const [databases = ""] = answer.split(/^key,value$/m);
    const active = (database: string) =>
      (rows[index] ?? [])
        .filter((row) => row.database === database)
        .reduce((sum, row) => sum + Number(row.sv_active), 0);
    return parseCsv(databases)
      .filter(({ name, max_connections: most }) => Number(most) > 0 && active(name!) >= Number(most))
      .map((row) => row.name!);
  });
  return [...new Set(full)];
}
