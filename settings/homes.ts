import type { Node, Plan } from "./plan";
import { ports } from "./ports";

/** Where the PgBouncers of a proxy that pool reads find one replica, on the proxy's loopback interface. */
export interface Home {
  port: number;
  /** Who serves there, the first of them that is a replica that keeps up. After these any other such replica, then the leader. */
  nodes: [Node, Node];
}

/**
 * One home fewer than there are database nodes: as many as there are replicas. Each is a database node's own but for the last one's,
 * which stands in wherever a home's own node leads or is away. So every replica has a home of its own, whoever leads, and whom a
 * session has reached by a home its cancel reaches, too: PgBouncer opens that to the same port.
 */
export function homes({ postgresql }: Plan): Home[] {
  const spare = postgresql.at(-1)!;
  return postgresql.slice(0, -1).map((node, index) => ({ port: ports.homes + index, nodes: [node, spare] }));
}
