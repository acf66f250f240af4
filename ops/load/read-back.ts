import { setTimeout as pause } from "node:timers/promises";
import { ownerSql, type Reached } from "../ask";
import { nodesOf } from "../cluster";
import { messageOf } from "../errors";
import { asOwner } from "./connect";
import type { Range } from "./ledger";
import { allSame, type LeaderReading, type NodeReading, type Readings } from "./verify";

/** Ids read at a time. */
const chunk = 50_000;
/** How long nodes have to be reachable, to replay what the leader has, and to hold the same, milliseconds. */
const timeLimit = 60_000;

/**
 * Reads the rows of a range on the leader, and their number and checksum on every database node once it has replayed what the
 * leader had. Done again while nodes differ, until the time limit: a write whose fate was unknown may still end.
 */
export async function readBack(reached: Reached, table: string, range: Range): Promise<Readings> {
  const deadline = Date.now() + timeLimit;
  for (;;) {
    const readings = await readOnce(reached, table, range, deadline);
    if (allSame(readings) || Date.now() >= deadline) return readings;
    await pause(500);
  }
}

async function readOnce(reached: Reached, table: string, range: Range, deadline: number): Promise<Readings> {
  try {
    const leader = await readLeader(reached, table, range);
    const nodes = nodesOf(reached.cluster, "postgresql").map(({ name }) =>
      readNode(reached, name, contents(table, range), leader.lsn, deadline),
    );
    return { leader, nodes: await Promise.all(nodes) };
  } catch (error) {
    return { leader: messageOf(error), nodes: [] };
  }
}

/** Number and checksum of a range's rows. */
const contents = (table: string, { from, to }: Range) =>
  `SELECT count(*), coalesce(sum(hashint8extended(id, 0)), 0) FROM ${table} WHERE id >= ${from} AND id < ${to}`;

/** Through the write port, as clients would, page by page in one snapshot. */
function readLeader({ cluster }: Reached, table: string, range: Range): Promise<LeaderReading> {
  return asOwner(cluster, async (client) => {
    const ask = async (text: string, values: number[] = []) =>
      (await client.query<string[]>({ text, values, rowMode: "array" })).rows;
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const counts = new Uint8Array(range.to - range.from);
    const page = `SELECT id, count(*) FROM ${table} WHERE id >= $1 AND id < $2 GROUP BY id`;
    for (let from = range.from; from < range.to; from += chunk) {
      for (const [id, count] of await ask(page, [from, Math.min(from + chunk, range.to)])) {
        counts[Number(id) - range.from] = Math.min(255, Number(count));
      }
    }
    const [[rows, checksum] = []] = await ask(contents(table, range));
    const [[lsn] = []] = await ask("SELECT pg_current_wal_lsn()");
    return { counts, rows: Number(rows), checksum: checksum!, lsn: lsn! };
  });
}

async function readNode(
  { cluster, runner }: Reached,
  node: string,
  question: string,
  lsn: string,
  deadline: number,
): Promise<NodeReading> {
  const ask = async (sql: string) => {
    const { code, stdout, stderr, unreachable } = await runner.run(node, ownerSql(cluster, sql), { timeout: 30_000 });
    if (code === 0) return stdout.trim();
    throw new Error(unreachable ?? (stderr.trim().split("\n").at(-1) || `exit code ${code}`));
  };
  const replayed =
    "SELECT coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END " +
    `>= '${lsn}', false)`;
  let problem: string;
  do {
    try {
      if ((await ask(replayed)) === "t") {
        const [rows, checksum = ""] = (await ask(question)).split("|");
        return { node, rows: Number(rows), checksum };
      }
      problem = `it has not replayed the WAL up to ${lsn} within ${timeLimit / 1000} s`;
    } catch (error) {
      problem = messageOf(error);
    }
    await pause(300);
  } while (Date.now() < deadline);
  return { node, problem };
}
