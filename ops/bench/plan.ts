import type { ThroughputRun } from "../drill/model";

/** One thing to measure. */
export type Setup = Pick<ThroughputRun, "work" | "path" | "commit" | "clients">;

const works = ["simple", "prepared", "read-only"] as const;
const paths = ["direct", "haproxy", "pgbouncer"] as const;
const commits = ["quorum", "local"] as const;

/**
 * Everything there is to measure: each work on each path with each number of clients; writes with both kinds of commit.
 * PgBouncer passes no `synchronous_commit`, and reads wait for nobody.
 * @param synchronous commits wait for a standby, as the cluster is configured; otherwise both kinds are the same
 */
export function setups(clients: number[], synchronous: boolean): Setup[] {
  const kinds = (work: Setup["work"], path: Setup["path"]) =>
    work === "read-only" || path === "pgbouncer" || !synchronous ? commits.slice(0, 1) : commits;
  return clients.flatMap((count) =>
    works.flatMap((work) =>
      paths.flatMap((path) => kinds(work, path).map((commit) => ({ work, path, commit, clients: count }))),
    ),
  );
}

/**
 * Runs of all set-ups, interleaved: each repeat runs every set-up once, and begins with another one, so that a machine that
 * grows slower or faster meanwhile treats them alike.
 */
export function* rounds<T>(all: T[], repeat: number): Generator<{ round: number; run: T }> {
  for (let round = 0; round < repeat; round++) {
    const first = Math.floor((round * all.length) / repeat);
    for (const run of [...all.slice(first), ...all.slice(0, first)]) yield { round, run };
  }
}
