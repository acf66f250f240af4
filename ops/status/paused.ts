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

/**
 * Databases for which PgBouncer has no server connection left, all of them in use.
 * @param answers to `showPaused`
 * @param pools rows of SHOW POOLS
 */
export function fullPools(answers: string, pools: Record<string, string>[]): string[] {
  const [databases = ""] = answers.split(/^key,value$/m);
  const active = (database: string) =>
    pools.filter((row) => row.database === database).reduce((sum, row) => sum + Number(row.sv_active), 0);
  return parseCsv(databases)
    .filter(({ name, max_connections: most }) => Number(most) > 0 && active(name!) >= Number(most))
    .map((row) => row.name!);
}
