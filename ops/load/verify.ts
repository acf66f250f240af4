import { bytes } from "../table";
import type { Ledger, Range } from "./ledger";
import type { Verification } from "./model";

/** What the leader holds of a range of ids, all as of one moment. */
export interface LeaderReading {
  /** How often each id exists, from the range's first on; 255 stands for more, too. */
  counts: Uint8Array;
  rows: number;
  checksum: string;
  /** A position in the WAL that has all of it. */
  lsn: string;
}

/** What a database node holds of the same range, or why that is not known. */
export type NodeReading =
  { node: string; rows: number; checksum: string; problem?: undefined } | { node: string; problem: string };

/** Everything that was read back; `leader` is a text when it could not be read. */
export interface Readings {
  leader: LeaderReading | string;
  nodes: NodeReading[];
}

/** At most this many lost ids are listed. */
const mostIds = 20;

/** Whether every node holds what the leader holds. */
export const allSame = ({ leader, nodes }: Readings) =>
  typeof leader !== "string" && nodes.every((node) => node.problem === undefined && same(node, leader));

const same = (node: { rows: number; checksum: string }, leader: LeaderReading) =>
  node.rows === leader.rows && node.checksum === leader.checksum;

/** Compares what was read back with the ledger. */
export function judge(
  ledger: Ledger,
  range: Range,
  { leader, nodes }: Readings,
  readRegression: Verification["readRegression"],
): Verification {
  const result: Verification = {
    acknowledged: 0,
    lost: 0,
    lostIds: [],
    unknown: { committed: 0, absent: 0 },
    failedButCommitted: 0,
    duplicates: 0,
    nodes: [],
    readRegression,
    ok: false,
    faults: [],
  };
  const { faults } = result;
  if (typeof leader === "string") {
    faults.push(`nothing could be compared, the leader could not be read: ${leader}`);
    return result;
  }
  const lost: number[] = [];
  const wrong: number[] = [];
  const twice: number[] = [];
  for (let id = range.from; id < range.to; id++) {
    const count = leader.counts[id - range.from]!;
    if (count > 1) twice.push(id);
    switch (ledger.outcomeOf(id)) {
      case "acknowledged":
        result.acknowledged++;
        if (count === 0) lost.push(id);
        break;
      case "failed":
        if (count > 0) wrong.push(id);
        break;
      default:
        result.unknown[count > 0 ? "committed" : "absent"]++;
    }
  }
  Object.assign(result, {
    lost: lost.length,
    lostIds: lost.slice(0, mostIds),
    failedButCommitted: wrong.length,
    duplicates: twice.length,
  });
  const tell = (found: number[], one: string, many: string) => {
    if (found.length === 0) return;
    const list = found.slice(0, 5).map((id) => `${id} (${ledger.pathOf(id)})`);
    const more = found.length > list.length ? `, and ${found.length - list.length} more` : "";
    faults.push(`${found.length === 1 ? `1 ${one}` : `${found.length} ${many}`}: id ${list.join(", ")}${more}`);
  };
  tell(lost, "acknowledged write is lost", "acknowledged writes are lost");
  tell(wrong, "failed write was committed", "failed writes were committed");
  tell(twice, "write exists more than once", "writes exist more than once");

  for (const node of nodes) {
    if (node.problem !== undefined) {
      result.nodes.push({ node: node.node, rows: 0, checksum: "", same: false });
      faults.push(`${node.node} could not be compared: ${node.problem}`);
      continue;
    }
    const equal = same(node, leader);
    result.nodes.push({ ...node, same: equal });
    if (node.rows !== leader.rows) faults.push(`${node.node} has ${node.rows} rows, the leader has ${leader.rows}`);
    else if (!equal) faults.push(`${node.node} has as many rows as the leader, but not the same`);
  }
  if (readRegression.bytes > readRegression.limit) {
    const { bytes: seen, limit } = readRegression;
    faults.push(`a read saw ${bytes(seen)} of WAL less than an earlier one; ${bytes(limit)} are allowed`);
  }
  result.ok = faults.length === 0;
  return result;
}
