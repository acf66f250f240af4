/** What a service is: the one place that says everything there is one of. */
import type { Switches } from "../../settings/clocks";
import type { PoolerCounts } from "../../settings/limits";
import type { ports } from "../../settings/ports";
import type { Role } from "../../settings/roles";

/** A daemon of ours on the machines of a role. What it is made of is rendered beside its record (`files.ts`). */
export interface Service {
  /** Its systemd unit; the first of them, when it is several processes. */
  unit: string;
  /** Units of the others, each `UNIT-SOMETHING`. @default none */
  further?(counts: PoolerCounts): string[];
  role: Role;
  /** Whether a cluster with this clock has it. One that it no longer has is taken off its machines. @default always */
  on?(clock: Switches): boolean;
  /** Ports it listens on. */
  ports: (keyof typeof ports)[];
  /** Files of its own that hold secrets. A preview shows that one of them differs, never which. */
  secrets: string[];
  /**
   * What a change of its files does. The converge step reads it (`cloud-init/converge/common.sh`, `must`), and the summary of a
   * preview says it. Of each list just the first that matches happens.
   */
  reactions: Reaction[][];
  /** What the lines of its journal mean. What systemd says of its unit goes without saying. */
  journal: Journal;
}

export interface Reaction {
  /** Paths; `*` stands for anything, as in the shell. A unit's own files are looked at by their times, too (`outdated`). */
  files: string[];
  /**
   * `restart`: clients or members notice. `reload`: nobody does. `update`: the running daemon is told, without a reload. `helper`: a
   * service beside them restarts.
   */
  kind: "restart" | "reload" | "update" | "helper";
  /** For a reader: what happens, and in which order among the nodes. */
  text: string;
}

/** Layers of the cluster. */
export type Layer = "etcd" | "patroni" | "postgresql" | "haproxy" | "pgbouncer";

/** What of a failover a line is about. `note`: anything else worth showing. */
export type JournalKind = "noticed" | "lock-free" | "lock-taken" | "promoted" | "server-down" | "server-up" | "note";

/** A line's pattern, what it is about, and how to say it in short; `$1` is the pattern's first group. */
export type JournalRule = [RegExp, JournalKind, string];

export interface Journal {
  /** The layer whose part its lines tell. */
  layer: Layer;
  rules: JournalRule[];
  /** Takes the message out of a line. @default all of it */
  message?(line: string): string;
  /** Others that write to it, recognized by how their lines begin. */
  others?: { lines: RegExp; layer: Layer; rules: JournalRule[] }[];
}
