import type { Node, Plan } from "../../settings/plan";

/**
 * Tags of a resource. `pgha:cluster` finds everything that belongs to a cluster, for its costs and for what a teardown left.
 * @param what what it is, "postgresql1" or "nat"; its name in the console is that after the cluster's
 */
export function tagsOf(plan: Plan, what: string, node?: Pick<Node, "name"> & { role: string }): Record<string, string> {
  return {
    ...plan.settings.aws!.tags,
    Name: `${plan.cluster}-${what}`,
    "pgha:cluster": plan.cluster,
    ...(node && { "pgha:role": node.role, "pgha:node": node.name }),
  };
}
