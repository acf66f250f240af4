/**
 * Who talks to whom on AWS, on which port, and why: what machines do among themselves (`../flows.ts`), clients, the load balancer,
 * the bastion and the internet. From it the security groups, the documentation and the ports that the policy pack lets be public
 * are made.
 */
import { machineFlows } from "../flows";
import { ports } from "../ports";
import { roles, type Role } from "../roles";
import type { Settings } from "../schema";

/** What has a security group: the machines of each role, the load balancer, and the bastion when it is the cluster's own. */
export type Group = Role | "endpoint" | "bastion";

/** What is only known by its addresses. */
export type Outside = "clients" | "operators" | "internet";

/** One kind of connection, from who opens it to who accepts it. TCP, all of them. */
export interface Flow {
  from: Group | Outside;
  to: Group | Outside;
  port: number;
  why: string;
}

/** One rule of a security group. */
export interface Rule {
  group: Group;
  direction: "ingress" | "egress";
  /** The other side: a security group, or a network. */
  peer: { group: Group } | { cidr: string };
  port: number;
  why: string;
}

const { write, read, pooled, pooledRead, stats } = ports;
/** What the endpoint offers. The stats pages are each proxy's own, and not for clients. */
export const endpointPorts = { write, read, pooled, pooledRead };
/** What clients use the endpoint for. */
export type Use = keyof typeof endpointPorts;
export const uses = Object.keys(endpointPorts) as Use[];
/** Name of the group of proxies that a use is handed on to. AWS takes 32 characters, of which the cluster's name may have 20. */
export const targetGroupName = (cluster: string, use: Use): string =>
  `${cluster}-to-${use === "pooledRead" ? "pooled-r" : use}`;
/** Where the endpoint hands each use on to the proxies. Who reaches these could pass for any client: only the endpoint does. */
export const balancedPorts = {
  write: ports.balancedWrite,
  read: ports.balancedRead,
  pooled: ports.balancedPooled,
  pooledRead: ports.balancedPooledRead,
};

/** Every connection that a cluster with these settings needs. */
export function flows(settings: Pick<Settings, "aws" | "clock">): Flow[] {
  const flow = (from: Flow["from"], to: Flow["to"], port: number, why: string): Flow => ({ from, to, port, why });
  const forClients = Object.entries(endpointPorts);
  return [
    ...machineFlows(settings),
    ...forClients.map(([use, port]) => flow("clients", "endpoint", port, `clients: ${use}`)),
    ...Object.entries(balancedPorts).map(([use, port]) =>
      flow("endpoint", "haproxy", port, `clients: ${use}, each named`),
    ),
    flow("endpoint", "haproxy", ports.health, "health checks of the load balancer"),
    // Clients inside may name the proxies themselves (output dsn); those outside cannot reach them.
    ...(settings.aws!.public
      ? []
      : forClients.map(([use, port]) => flow("clients", "haproxy", port, `clients: ${use}`))),
    flow("operators", "bastion", ports.ssh, "SSH of operators"),
    ...roles.map((role) => flow("bastion", role, ports.ssh, "SSH of operators and of the converge step")),
    ...[...forClients, ["stats", stats] as const].map(([use, port]) =>
      flow("bastion", "haproxy", port, `operators through a tunnel: ${use}`),
    ),
    // The instance metadata service, the VPC's resolver and its time server are not filtered by security groups.
    ...[...roles, "bastion" as const].flatMap((group) => [
      flow(group, "internet", 80, "packages"),
      flow(group, "internet", 443, "packages, SSM"),
    ]),
  ];
}

/** What has a security group in a cluster with these settings. */
export function groups(settings: Pick<Settings, "aws">): Group[] {
  return "host" in settings.aws!.bastion ? [...roles, "endpoint"] : [...roles, "endpoint", "bastion"];
}

/** The networks of a party that has no security group; undefined for one that has. */
function networks(settings: Pick<Settings, "aws">, party: Flow["from"]): string[] | undefined {
  const { clients, bastion } = settings.aws!;
  if (party === "internet") return ["0.0.0.0/0"];
  if (party === "clients") return clients;
  if (party === "operators") return "host" in bastion ? [] : bastion.allow;
  return party === "bastion" && "host" in bastion ? bastion.from : undefined;
}

/** Rules that open the same are one: AWS refuses a second. A network may stand in several lists, or twice in one. */
function once(all: Rule[]): Rule[] {
  const found = new Map<string, Rule>();
  for (const rule of all) {
    const opens = JSON.stringify([rule.group, rule.direction, rule.peer, rule.port]);
    const reasons = [found.get(opens)?.why, rule.why].filter((why) => why !== undefined);
    found.set(opens, { ...rule, why: [...new Set(reasons)].join("; ") });
  }
  return [...found.values()];
}

/** The rules of all security groups: for each flow one on either side that has a group. */
export function rules(settings: Pick<Settings, "aws" | "clock">): Rule[] {
  const present = groups(settings);
  const peers = (party: Flow["from"]): Rule["peer"][] =>
    networks(settings, party)?.map((cidr) => ({ cidr })) ?? [{ group: party as Group }];
  const side = (group: Flow["from"], direction: Rule["direction"], other: Flow["from"], { port, why }: Flow): Rule[] =>
    present.includes(group as Group)
      ? peers(other).map((peer) => ({ group: group as Group, direction, peer, port, why }))
      : [];
  const all = flows(settings).flatMap((one) => [
    ...side(one.to, "ingress", one.from, one),
    ...side(one.from, "egress", one.to, one),
  ]);
  return once(all);
}
