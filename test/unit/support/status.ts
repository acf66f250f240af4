import type { DatabaseNode } from "../../../ops/status";

/** A database node as `pgha status` knows it: the leader when it is postgresql1, else a healthy standby; with changes. */
export const databaseNode = (name: string, change: Partial<DatabaseNode> = {}): DatabaseNode => ({
  name,
  reachable: true,
  problem: null,
  ...(name === "postgresql1"
    ? { role: "leader", state: "running", lag: null, sync: null }
    : { role: "quorum_standby", state: "streaming", lag: 0, sync: "quorum" }),
  timeline: 3,
  pendingRestart: false,
  replayPaused: false,
  refuses: null,
  byHand: [],
  nofailover: false,
  failsafe: false,
  longTransactions: [],
  postgresql: "17.6",
  patroni: "4.1.4",
  ...change,
});
