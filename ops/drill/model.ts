import type { JournalKind, Layer as ClusterLayer } from "../../cloud-init/services/service";
import type { Clock } from "../../settings/clocks";
import type { PathResult, Verification } from "../load/model";
import type { Machine } from "../machine";

/** Who saw or did something. */
export type Layer = "drill" | "client" | ClusterLayer;

/** What an event is about. `note`: anything else worth showing. */
export type EventKind = "injected" | "first-error" | JournalKind | "first-write" | "healed" | "whole";

/** Something one layer saw, ms since the drill's load began. */
export interface LayerEvent {
  at: number;
  layer: Layer;
  /** Node, or null for the drill and its clients. */
  node: string | null;
  step: EventKind;
  text: string;
}

/** One fault, injected once. */
export interface DrillResult {
  fault: string;
  title: string;
  /** Name of the clock it ran on. */
  clock: string;
  /** What the fault is expected to do to clients, in words. */
  expects: string;
  /** ISO 8601. */
  startedAt: string;
  /** Why it was not run; then nothing below counts. */
  skipped?: string;
  /** Nodes it was done to. */
  targets: string[];
  /** Moments in ms since the load began. */
  injectedAt: number;
  healedAt: number;
  /** From the heal until the cluster was healthy again, seconds; null: it was not, within the time limit. */
  whole: number | null;
  /** What was not whole at the end. */
  complaints: string[];
  leader: { before: string | null; after: string | null };
  timeline: { before: number | null; after: number | null };
  paths: PathResult[];
  eventLoopDelay: number;
  /** The pooled path's longest gap, and what the clock's formula allows at most; null: no bound is stated. Milliseconds. */
  outage: { measured: number; bound: number | null };
  verification: Verification;
  events: LayerEvent[];
  ok: boolean;
  /** Why not, one line each. */
  faults: string[];
}

/** A run of `pgha drill`: the report. Its keys are an interface. */
export interface Report {
  version: 1;
  stack: string;
  cluster: string;
  /** ISO 8601. `ended` is null while it runs. */
  started: string;
  ended: string | null;
  /** Of random sequences: the same seed gives the same sequence. */
  seed: string | null;
  machine: Machine;
  versions: Record<string, string>;
  load: { path: string; rate: number; clients: number }[];
  clocks: Record<string, Clock>;
  drills: DrillResult[];
  /** Every change of the leader since the cluster was made, as Patroni keeps them: the timeline that ended, and why. */
  history: { timeline: number; at: string | null; reason: string; leader: string | null }[];
  /** Everything that was written in the run, read back at its end; null while it runs. */
  verification: Verification | null;
  throughput?: Throughput;
}

/** Results of `pgha bench`. */
export interface Throughput {
  /** Seconds of each run and how often each was repeated, interleaved. */
  seconds: number;
  repeat: number;
  scale: number;
  runs: ThroughputRun[];
}

export interface ThroughputRun {
  /** `simple` and `prepared`: pgbench's TPC-B-like work by that protocol. `read-only`: its SELECTs, prepared. */
  work: "simple" | "prepared" | "read-only";
  path: "direct" | "haproxy" | "pgbouncer";
  /** `quorum`: as configured. `local`: the session does not wait for a standby. */
  commit: "quorum" | "local";
  clients: number;
  /** Transactions per second of each repeat; empty when skipped. */
  tps: number[];
  /** Mean latency of each repeat, ms. */
  latency: number[];
  failed: number;
  skipped?: string;
}
