import { Incus } from "../components/incus/api";
import { allNodes, makePlan } from "../settings/plan";
import type { Settings } from "../settings/schema";

/**
 * Whether a machine of this stack is missing or does not run, so that Pulumi must look at the real state first. Asking Incus
 * takes milliseconds, `pulumi up --refresh` over a second.
 */
export async function machinesMissing(settings: Settings): Promise<boolean> {
  const running = await new Incus().get<{ name: string; status: string }[]>("/1.0/instances?recursion=1");
  const names = new Set(running.filter(({ status }) => status === "Running").map(({ name }) => name));
  const plan = makePlan(settings);
  return allNodes(plan).some(({ name }) => !names.has(`${plan.cluster}-${name}`));
}
