import type { NodeOutput } from "../../components/outputs";
import { parseJson, type Reached } from "../ask";
import { journalOf } from "../../cloud-init/services";

/** One line of a node's journal. */
export interface JournalLine {
  /** Milliseconds since the epoch on this machine's clock, with microseconds as its fraction. */
  at: number;
  node: string;
  /** The unit it is about (`cloud-init/services`); PostgreSQL writes to that of Patroni. */
  unit: string;
  text: string;
}

/** What the journals had, in the order of time. */
export interface Journals {
  lines: JournalLine[];
  /** What is missing, one line each: nodes that could not be read, journals that were cut. */
  notes: string[];
}

/** Lines read of each node at most, the first ones. A minute of failover has some hundred. */
const mostLines = 10_000;

/** Reads what the daemons of all nodes wrote between two moments, in ms since the epoch. A node out of reach is only noted. */
export async function collect(reached: Reached, sinceMs: number, untilMs: number): Promise<Journals> {
  const each = await Promise.all(reached.cluster.nodes.map((node) => readNode(reached, node, sinceMs, untilMs)));
  return {
    lines: each.flatMap(({ lines }) => lines).sort((a, b) => a.at - b.at),
    notes: each.flatMap(({ notes }) => notes),
  };
}

async function readNode({ runner }: Reached, node: NodeOutput, sinceMs: number, untilMs: number): Promise<Journals> {
  const asked = Date.now();
  const clock = await runner.run(node.name, "date +%s%6N");
  const answered = Date.now();
  if (clock.unreachable || clock.code !== 0)
    return { lines: [], notes: [`no journal of ${node.name}: ${clock.unreachable ?? clock.stderr.trim()}`] };
  const ahead = clockOffset(asked, answered, Number(clock.stdout) / 1000);

  // One second more on both sides: journalctl takes what it is given as a hint, and the cut here is exact.
  const from = Math.floor((sinceMs + ahead) / 1000) - 1;
  const to = Math.ceil((untilMs + ahead) / 1000) + 1;
  const script =
    `journalctl --no-pager -q -o json --output-fields=MESSAGE,UNIT,_SYSTEMD_UNIT ${journalOf(node.role)} ` +
    `--since @${from} --until @${to} -n +${mostLines}`;
  const { code, stdout, stderr, unreachable } = await runner.run(node.name, script, { timeout: 30_000 });
  const entries = stdout.split("\n").flatMap((line) => parseJson<Entry>(line) ?? []);
  const notes: string[] = [];
  if (code !== 0) notes.push(`the journal of ${node.name} is not complete: ${unreachable ?? stderr.trim()}`);
  else if (entries.length >= mostLines) notes.push(`the journal of ${node.name} was cut after ${mostLines} lines`);
  const lines = entries
    .flatMap((entry) => readEntry(entry, node.name, ahead))
    .filter(({ at }) => at >= sinceMs && at <= untilMs);
  return { lines, notes };
}

/** An entry as `journalctl -o json` prints it (systemd.journal-fields(7)). Text that is not UTF-8 comes as a list of bytes. */
interface Entry {
  __REALTIME_TIMESTAMP: string;
  MESSAGE?: string | number[] | null;
  /** The unit a message of systemd itself is about. */
  UNIT?: string;
  _SYSTEMD_UNIT?: string;
}

function readEntry(entry: Entry, node: string, ahead: number): JournalLine[] {
  const { MESSAGE: message, UNIT, _SYSTEMD_UNIT } = entry;
  if (!message) return [];
  const text = typeof message === "string" ? message : Buffer.from(message).toString();
  const unit = (UNIT ?? _SYSTEMD_UNIT ?? "").replace(/\.service$/, "");
  return [{ at: Number(entry.__REALTIME_TIMESTAMP) / 1000 - ahead, node, unit, text }];
}

/**
 * How far a node's clock is ahead of ours, ms: its answer against the middle of the round trip. An offset that the round trip
 * itself may account for is none, so machines that share a clock are not moved against each other.
 */
export function clockOffset(asked: number, answered: number, theirs: number): number {
  const offset = theirs - (asked + answered) / 2;
  // Our clock is read in whole milliseconds.
  return Math.abs(offset) <= (answered - asked) / 2 + 1 ? 0 : offset;
}
