import { Incus } from "../../components/incus/api";
import { portFault } from "../../components/incus/host";
import { STACK_KEY } from "../../components/incus/model";
import { SetupError } from "./step";

interface Instance {
  config: Record<string, string>;
  expanded_devices?: Record<string, { type: string; listen?: string }>;
}

/** Ports of the host that machines of this cluster, or of any, listen on already. */
async function ownPorts(cluster: string | undefined): Promise<Set<number>> {
  const instances = await new Incus().get<Instance[]>("/1.0/instances?recursion=1");
  const devices = instances
    .filter(({ config }) => (cluster === undefined ? STACK_KEY in config : config[STACK_KEY] === cluster))
    .flatMap(({ expanded_devices }) => Object.values(expanded_devices ?? {}));
  return new Set(devices.filter(({ type }) => type === "proxy").map(({ listen }) => Number(listen?.split(":").pop())));
}

/**
 * Makes sure that the client ports on 127.0.0.1 can be had.
 * @param cluster whose own machines may hold them. Undefined: any cluster's, as when it may have had another name. Then a port
 *   that is really another one's is noticed by the check of its machine
 * @throws SetupError naming every port that somebody else uses
 */
export async function requirePorts(cluster: string | undefined, ports: number[]): Promise<void> {
  const taken: string[] = [];
  const own = await ownPorts(cluster);
  for (const port of ports.filter((port) => !own.has(port))) {
    const fault = await portFault(`127.0.0.1:${port}`);
    if (fault) taken.push(fault);
  }
  if (taken.length > 0)
    throw new SetupError(`Nothing was changed:\n${taken.map((fault) => `  - ${fault}`).join("\n")}`);
}
