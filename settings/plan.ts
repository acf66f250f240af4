import { createHash } from "node:crypto";
import { keptAddresses, nodeAddress } from "./aws/layout";
import { addressAt, parseCidr } from "./cidr";
import type { ClientPort } from "./ports";
import { roles, mostNodes, type Role } from "./roles";
import type { Settings } from "./schema";

/** Ports on 127.0.0.1 of the host that lead to the proxy with this index. The second proxy takes the neighbours. Incus only. */
export function clientPorts(settings: Pick<Settings, "ports">, proxy: number): Record<ClientPort, number> {
  const { write, read, stats, pooled, pooledRead } = settings.ports;
  return {
    write: write + 2 * proxy,
    read: read + 2 * proxy,
    stats: stats + proxy,
    pooled: pooled + proxy,
    pooledRead: pooledRead + proxy,
  };
}

/** Where in a network on Incus each role's addresses begin: etcd1 is .11, postgresql1 .21, haproxy1 .31. */
const firstHost: Record<Role, number> = { etcd: 11, postgresql: 21, haproxy: 31 };

/** The highest host number in use on Incus. */
export function highestHost({ nodes }: Pick<Settings, "nodes">): number {
  return Math.max(...roles.map((role) => firstHost[role] + nodes[role] - 1));
}

/**
 * Addresses that are kept for a role's nodes, "FIRST-LAST": those that exist and those that may come, so that a cluster grows
 * without a word to the nodes it has.
 */
export function roleAddresses(settings: Settings, role: Role): string[] {
  if (settings.driver === "aws") return keptAddresses(settings, role, mostNodes[role]);
  const cidr = parseCidr(settings.network.cidr)!;
  return [`${addressAt(cidr, firstHost[role])}-${addressAt(cidr, firstHost[role] + mostNodes[role] - 1)}`];
}

/** One machine as planned: everything about it that is known before it exists. */
export interface Node {
  /** `etcd1`, `postgresql2`, ... Stable: a node keeps its name when others come and go. */
  name: string;
  role: Role;
  /** Fixed IPv4 address. */
  address: string;
  /** Availability zone, "us-east-1a". AWS only. */
  zone?: string;
}

/** The cluster as planned: what every renderer needs to know of every node. */
export interface Plan {
  /** Name of the cluster, Patroni's scope. */
  cluster: string;
  settings: Settings;
  etcd: Node[];
  postgresql: Node[];
  haproxy: Node[];
}

/** Lays out the nodes of a stack. Pure: the same settings give the same plan. */
export function makePlan(settings: Settings): Plan {
  const nodesOf = (role: Role): Node[] =>
    Array.from({ length: settings.nodes[role] }, (_, index) => ({
      name: `${role}${index + 1}`,
      role,
      ...placeOf(settings, role, index),
    }));
  return {
    cluster: settings.name,
    settings,
    etcd: nodesOf("etcd"),
    postgresql: nodesOf("postgresql"),
    haproxy: nodesOf("haproxy"),
  };
}

/** Where the node with this index in its role is. */
function placeOf(settings: Settings, role: Role, index: number): Pick<Node, "address" | "zone"> {
  if (settings.driver === "aws") return nodeAddress(settings, role, index);
  const cidr = parseCidr(settings.network.cidr);
  if (!cidr) throw new Error(`settings were not checked: network.cidr is ${settings.network.cidr}`);
  return { address: addressAt(cidr, firstHost[role] + index) };
}

/** Every node, in the order the roles depend on one another. */
export function allNodes(plan: Plan): Node[] {
  return [...plan.etcd, ...plan.postgresql, ...plan.haproxy];
}

/** Names under which clients reach the proxies, besides their own names and addresses. */
export function clientNames({ aws }: Pick<Settings, "aws">): string[] {
  return aws?.dns === undefined ? [] : [`db.${aws.dns}`];
}

/** Name of the cluster's bridge. The kernel allows 15 characters, so a long name is shortened and kept distinct. */
export function bridgeName(cluster: string): string {
  if (cluster.length <= 15) return cluster;
  return `${cluster.slice(0, 8)}-${createHash("sha256").update(cluster).digest("hex").slice(0, 6)}`;
}
