import { setTimeout as pause } from "node:timers/promises";
import type { NodeOutput } from "../../components/outputs";
import type { Clock } from "../../settings/clocks";
import type { PoolerCounts } from "../../settings/limits";
import type { Role } from "../../settings/roles";
import { onePooler } from "../ask";
import { messageOf, OpsError } from "../errors";
import { unitsOf } from "../../cloud-init/services";
import { setClockBack } from "./faults/clock";
import { removeFiller } from "./faults/disk";
import { repairNetwork } from "./cut";
import { stopBurner, resumeProcesses } from "./faults/processes";
import type { World } from "./world";

/** How long a machine that was started may take until it answers, seconds. */
const bootLimit = 90;

/** Shell that undoes all that a fault can leave inside a machine, and says what it found. */
export function healScript(
  role: Role,
  clock: Pick<Clock, "pause" | "witness">,
  counts: PoolerCounts = onePooler,
): string {
  // Not waited for: etcd is up only when a majority of its members is.
  const start = unitsOf(role, clock, counts).map(
    (unit) => `case $(systemctl show -P ActiveState ${unit}) in
  inactive | failed) systemctl start --no-block ${unit}; echo "${unit} was down" ;;
esac`,
  );
  return ["set -e", repairNetwork, resumeProcesses, stopBurner, removeFiller, setClockBack, ...start].join("\n");
}

/**
 * Undoes everything that any fault can leave, on these nodes at once, and may be repeated as often as you like. It does not
 * wait until the cluster is whole.
 * @param nodes @default all
 * @returns what it had to undo, one line each
 * @throws OpsError naming the nodes that it could not heal, after it has healed the others
 */
export async function heal(world: World, nodes: NodeOutput[] = world.reached.cluster.nodes): Promise<string[]> {
  const outcomes = await Promise.allSettled(nodes.map((node) => healNode(world, node)));
  const undone = nodes.flatMap((node, index) => {
    const outcome = outcomes[index]!;
    return outcome.status === "fulfilled" ? outcome.value.map((what) => `${node.name}: ${what}`) : [];
  });
  const failed = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [messageOf(outcome.reason)] : []));
  if (failed.length > 0) throw new OpsError(`not everything could be healed: ${[...new Set(failed)].join("; ")}`);
  return undone;
}

async function healNode(world: World, node: NodeOutput): Promise<string[]> {
  const undone = await world.power.on(node);
  const { runner } = world.reached;
  for (const deadline = Date.now() + bootLimit * 1000; ; await pause(500)) {
    const { code, stdout, stderr, unreachable } = await runner.run(
      node.name,
      healScript(node.role, world.clock, world.reached.cluster.facts.poolers),
      {
        timeout: 20_000,
      },
    );
    if (code === 0) {
      undone.push(...stdout.split("\n").filter(Boolean), ...(await world.power.restoreDisk(node)));
      return undone;
    }
    const why = unreachable ?? (stderr.trim().split("\n").at(-1) || `exit code ${code}`);
    if (!unreachable || Date.now() > deadline) throw new OpsError(`${node.name}: ${why}`);
  }
}
