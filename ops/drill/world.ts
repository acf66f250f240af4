import type { Clock } from "../../settings/clocks";
import type { NodeOutput } from "../../components/outputs";
import { askLeader, askPatroni, type Reached } from "../ask";
import { nodesOf } from "../cluster";
import { OpsError } from "../errors";
import { getStatus } from "../status";
import { powerOf } from "./power";
import type { Power } from "./power/model";
import type { DrillSettings } from "./settings";

/** What a fault may use. */
export interface World {
  reached: Reached;
  power: Power;
  clock: Clock;
  /** The cluster's settings; not in a world that only heals. */
  settings?: DrillSettings;
  /** A number in [0, 1), the same sequence for the same seed. */
  random(): number;
  /** Who leads now. @throws OpsError when nobody does */
  leader(): Promise<NodeOutput>;
  /** The other database nodes that stream, synchronous ones first. */
  standbys(): Promise<NodeOutput[]>;
  /** The leader of etcd itself. @throws OpsError when it has none */
  etcdLeader(): Promise<NodeOutput>;
  /**
   * Runs a script on a node as root.
   * @param timeout milliseconds. @default 10 000
   * @returns its standard output, trimmed
   * @throws OpsError unless it runs there and succeeds
   */
  on(node: NodeOutput, script: string, timeout?: number): Promise<string>;
}

/** The world of a cluster. @param power of its machines. @default that of the cluster's driver */
export function makeWorld(reached: Reached, random: () => number, power = powerOf(reached)): World {
  const { cluster, runner } = reached;
  return {
    reached,
    power,
    clock: cluster.facts.clock,
    random,
    leader: () => askLeader(reached),

    async standbys() {
      const { members } = await askPatroni(reached);
      const streaming = members.filter(({ role, state }) => role !== "leader" && state === "streaming");
      const synchronous = ({ role }: { role: string }) => (/^(sync|quorum)_standby$/.test(role) ? 0 : 1);
      const names = streaming.sort((a, b) => synchronous(a) - synchronous(b)).map(({ name }) => name);
      return names.flatMap((name) => nodesOf(cluster, "postgresql").filter((node) => node.name === name));
    },

    async etcdLeader() {
      const name = (await getStatus(reached)).etcd.find(({ leader }) => leader)?.name;
      const node = nodesOf(cluster, "etcd").find((candidate) => candidate.name === name);
      if (!node) throw new OpsError("etcd has no leader now; `pgha status` shows its members");
      return node;
    },

    async on(node, script, timeout) {
      const { code, stdout, stderr, unreachable } = await runner.run(node.name, script, { timeout });
      if (unreachable) throw new OpsError(`${node.name} is unreachable: ${unreachable}`);
      if (code !== 0) throw new OpsError(`${node.name}: ${stderr.trim().split("\n").at(-1) || `exit code ${code}`}`);
      return stdout.trim();
    },
  };
}

/** One of these, by the world's random numbers. @throws OpsError when there is none */
export function pick<T>(world: World, from: T[], what: string): T {
  const chosen = from[Math.floor(world.random() * from.length)];
  if (chosen === undefined) throw new OpsError(`there is no ${what} now`);
  return chosen;
}
