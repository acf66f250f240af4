import { ports } from "../../../settings/ports";

/** Where clients connect to a proxy, directly or by a load balancer. */
const doors = [
  ports.write,
  ports.read,
  ports.pooled,
  ports.pooledRead,
  ports.balancedWrite,
  ports.balancedRead,
  ports.balancedPooled,
  ports.balancedPooledRead,
] as const;

/**
 * A shell command that waits on a proxy which gets no new clients until those it has are gone.
 * @param least seconds in which some may still come, from a load balancer that has not heard of it everywhere
 * @param most seconds after those that clients may stay
 */
export function untilClientsAreGone(least: number, most: number): string {
  const at = doors.map((port) => `sport = :${port}`).join(" or ");
  // HAProxy and PgBouncer speak to one another on the loopback interface.
  const connected = `ss -Htn state established '( ${at} ) and not dst 127.0.0.0/8' | grep -q .`;
  return `sleep ${least}; n=0; while [ $n -lt ${most} ] && ${connected}; do sleep 1; n=$((n + 1)); done`;
}
