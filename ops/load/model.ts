/** What a load did and what came of its writes. Printed as it stands with `--json`, so its keys are an interface. */

/** How clients reach the cluster: PgBouncer, HAProxy's write port, HAProxy's read port. */
export type Path = "pooled" | "write" | "read";

/**
 * What became of a write. `acknowledged`: the commit was confirmed, without a warning. `failed`: an error that proves it did
 * not commit. `unknown`: sent, but the connection broke, the wait was cancelled or patience ran out: it may exist or not.
 */
export type Outcome = "acknowledged" | "failed" | "unknown";

/** Latencies in milliseconds, from the moment an operation was due, so that a stall counts in full. Null: nothing to measure. */
export interface Latency {
  p50: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
}

/** One second of a path. */
export interface Second extends Latency {
  /** Seconds since the slice began. */
  second: number;
  acknowledged: number;
  failed: number;
  unknown: number;
  /** Connections that could not be opened. They fail no operation: it waits for the next try. */
  refused: number;
}

/** One path's share of a slice of load. */
export interface PathResult {
  path: Path;
  /** Operations that were due, and what became of them. Reads that were answered count as acknowledged. */
  due: number;
  acknowledged: number;
  failed: number;
  unknown: number;
  /** The longest time without any acknowledgement while operations were due. `at`: its beginning, ms since the slice began. */
  longestGap: { ms: number; at: number };
  latency: Latency;
  /** Everything that went wrong, by class (SQLSTATE and name, or the socket's error code). */
  errors: { class: string; count: number; example: string }[];
  seconds: Second[];
}

/** A stretch of load between two stops. */
export interface Slice {
  /** Its beginning, ms since the epoch. */
  startedAt: number;
  seconds: number;
  paths: PathResult[];
  /** Longest time this program itself was too busy to look, ms: how far its figures may be off. */
  eventLoopDelay: number;
}

/** What is in the database, against what the ledger says. */
export interface Verification {
  acknowledged: number;
  /** Acknowledged writes that are not there. */
  lost: number;
  /** The first of them. */
  lostIds: number[];
  unknown: { committed: number; absent: number };
  /** Writes whose error said "not committed", but which exist. */
  failedButCommitted: number;
  /** Ids that exist more than once. */
  duplicates: number;
  /** Every database node, after it replayed what the leader has: rows of the load and a checksum over them. */
  nodes: { node: string; rows: number; checksum: string; same: boolean }[];
  /**
   * Reads on the read port, one after the other in real time: the furthest that one saw less than an earlier one, bytes of
   * WAL. The limit is what HAProxy lets a replica lag.
   */
  readRegression: { bytes: number; limit: number };
  /** All of the above is as it should be. */
  ok: boolean;
  /** Why not, one line each. */
  faults: string[];
}
