import type { Reached, ReachedNodes } from "./ask";
import { loadCluster } from "./cluster";
import { endpointsOf } from "./endpoints";
import { remember, remembered, stateStamp, type Shown } from "./remembered";
import { configOf, sshRunner, SshRunner } from "./ssh";
import { forClients } from "./tunnel";

/** Options every command may have. */
export interface Common {
  stack: string;
  json?: boolean;
}

/** Options of commands that are clients of the cluster as well. */
export interface AsClient {
  stack: string;
  /** Without a tunnel through the bastion. */
  direct?: boolean;
}

/** A stack's cluster, and the way to its nodes. */
export async function reach(stack: string): Promise<Reached> {
  const stamp = stateStamp(stack);
  const cluster = await loadCluster(stack);
  const reached = { cluster, runner: sshRunner(cluster) };
  remember(cluster, stamp);
  return reached;
}

/** The same for a command that needs nothing secret. */
export async function reachNodes(stack: string): Promise<ReachedNodes & Shown> {
  const shown = remembered(stack);
  if (shown) return { ...shown, runner: new SshRunner(shown.cluster, configOf(shown.cluster)) };
  const reached = await reach(stack);
  return { ...reached, endpoints: endpointsOf(reached.cluster) };
}

/** As `reach`, for a command that connects to the proxies' ports: through the bastion, if there is one, unless told otherwise. */
export async function reachAsClient({ stack, direct }: AsClient): Promise<Reached> {
  const { cluster, runner } = await reach(stack);
  return { cluster: direct ? cluster : await forClients(cluster), runner };
}
