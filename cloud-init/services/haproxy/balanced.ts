import { ports } from "../../../settings/ports";
import type { Plan } from "../../../settings/plan";
import { maxconn, speaksFirst } from "./limits";
import { section } from "./section";

/**
 * Where clients come in who connect by themselves, and beside it, on AWS, where the load balancer's do: it says whose each connection
 * is (PROXY protocol), so that the log has the client's address. That door is for the load balancer alone, which the security
 * groups see to: whoever reaches it may claim to be anybody.
 */
export const doors = ({ settings: { driver } }: Plan, own: number, balanced: number): string[] => [
  `bind :${own}`,
  ...(driver === "aws" ? [`bind :${balanced} accept-proxy`] : []),
];

/** What PgBouncer's clients come in by through the load balancer: it does not know the PROXY protocol itself. */
export const balancedPools = (plan: Plan): string[] => [
  ...balancedPool(plan, "pooled", "pooled", ports.balancedPooled),
  ...balancedPool(plan, "pooledRead", "pooled_read", ports.balancedPooledRead),
];

const balancedPool = (plan: Plan, use: "pooled" | "pooledRead", name: string, balanced: number): string[] => [
  section(`frontend ${name}`, [
    `bind :${balanced} accept-proxy`,
    maxconn(plan, use),
    ...speaksFirst,
    `default_backend ${name}`,
  ]),
  // Without a check: one that fails for a moment must not refuse clients whom PgBouncer would take.
  section(`backend ${name}`, [`server pgbouncer 127.0.0.1:${ports[use]}`]),
];
