/** Where in the VPC everything is: pure arithmetic, so that every address is known before anything exists. */
import { addressAt, isPrivate, parseCidr, type Cidr } from "../cidr";
import type { Fault } from "../faults";
import type { Role } from "../roles";
import type { Settings } from "../schema";

/** What is read of the settings here. */
export type LayoutSettings = Pick<Settings, "network" | "aws">;

/** A block of addresses in one zone. */
interface Block {
  /** "10.100.0.0/24" */
  cidr: string;
}

/** Subnets by zone. In an existing VPC, those for clients and the public ones are known by their ids only. */
export interface Layout {
  /** The cluster's machines; private. */
  nodes: Record<string, Block>;
  /** The load balancer's addresses, when clients are inside; private. */
  clients: Record<string, Block>;
  /** NAT gateways, the bastion, and the load balancer's addresses when clients are outside. */
  public: Record<string, Block>;
}

/** A VPC of pgha's own is cut into this many equal blocks: four for each tier, and four that stay free. */
const blocks = 16;
/** The first block of each tier. One zone has one block of each, so there are four zones at most. */
const firstBlock = { nodes: 0, clients: 4, public: 8 };

/** A subnet's first four addresses and its last one are AWS's own (VPC user guide, "Subnet sizing"). */
const defaultFirstHost = 4;
/** How far above the first host each role's addresses begin: room for as many nodes as the settings allow, all in one zone. */
const roleOffset: Record<Role, number> = { etcd: 0, postgresql: 8, haproxy: 18 };
/** Addresses in a row that each subnet keeps for nodes. */
export const hostsPerSubnet = 27;

/** The subnets of a stack. The settings must have been checked. */
export function layout(settings: LayoutSettings): Layout {
  const { zones, vpc } = settings.aws!;
  if (vpc) {
    const nodes = Object.fromEntries(Object.entries(vpc.nodes).map(([zone, { cidr }]) => [zone, { cidr }]));
    return { nodes, clients: {}, public: {} };
  }
  const whole = parseCidr(settings.network.cidr)!;
  const bits = whole.bits + Math.log2(blocks);
  const tier = (first: number) =>
    Object.fromEntries(
      zones.map((zone, index) => [zone, { cidr: `${addressAt(whole, (first + index) * 2 ** (32 - bits))}/${bits}` }]),
    );
  return { nodes: tier(firstBlock.nodes), clients: tier(firstBlock.clients), public: tier(firstBlock.public) };
}

/**
 * Where a node is: zones take turns, so that the loss of one takes as few nodes of a role as can be.
 * @param index the node's place in its role, from 0. No other node's coming or going moves it; a change of the zones does
 */
export function nodeAddress(settings: LayoutSettings, role: Role, index: number): { zone: string; address: string } {
  const { zones, vpc } = settings.aws!;
  const zone = zones[index % zones.length]!;
  const subnet = parseCidr(layout(settings).nodes[zone]!.cidr)!;
  const host = (vpc?.firstHost ?? defaultFirstHost) + roleOffset[role] + Math.floor(index / zones.length);
  return { zone, address: addressAt(subnet, host) };
}

/** Addresses of all zones that are kept for a number of nodes of a role, "FIRST-LAST". */
export function keptAddresses(settings: LayoutSettings, role: Role, most: number): string[] {
  const first = (settings.aws!.vpc?.firstHost ?? defaultFirstHost) + roleOffset[role];
  return Object.values(layout(settings).nodes).map(({ cidr }) => {
    const subnet = parseCidr(cidr)!;
    return `${addressAt(subnet, first)}-${addressAt(subnet, first + most - 1)}`;
  });
}

/**
 * What stands against laying out the stack; empty when nothing does. That `network.cidr` is a private network, and how many
 * zones there are, is checked elsewhere.
 */
export function layoutFaults(settings: LayoutSettings): Fault[] {
  const { zones, vpc } = settings.aws!;
  const faults: Fault[] = zones
    .filter((zone, index) => zones.indexOf(zone) !== index)
    .map((zone) => ({ path: "aws.zones", fault: `names ${zone} twice; write each zone once` }));
  const whole = parseCidr(settings.network.cidr);
  if (vpc) return [...faults, ...existingFaults(settings, whole)];
  if (whole && whole.bits > 23) {
    const fault = `is a /${whole.bits}, too small for three tiers of subnets in up to four zones; write a /23 or wider`;
    faults.push({ path: "network.cidr", fault });
  }
  if (whole && whole.bits < 16) {
    faults.push({
      path: "network.cidr",
      fault: `is a /${whole.bits}, but a VPC has a /16 at most; write a /16 to /23`,
    });
  }
  return faults;
}

/** Faults of an existing VPC, as far as the settings show them. */
function existingFaults({ aws }: LayoutSettings, whole: Cidr | undefined): Fault[] {
  const { zones, vpc } = aws!;
  const faults: Fault[] = [];
  const seen: { path: string; cidr: Cidr }[] = [];
  for (const zone of zones) {
    const path = `aws.vpc.nodes.${zone}`;
    if (!vpc!.nodes[zone]) faults.push({ path, fault: "is missing; write the zone's {subnet: subnet-..., cidr: ...}" });
    if (vpc!.clients && !vpc!.clients[zone]) {
      faults.push({ path: `aws.vpc.clients.${zone}`, fault: "is missing; write the zone's subnet-..." });
    }
  }
  for (const [zone, { cidr: text }] of Object.entries(vpc!.nodes)) {
    const path = `aws.vpc.nodes.${zone}`;
    if (!zones.includes(zone))
      faults.push({ path, fault: "is not among aws.zones; add the zone there, or remove this" });
    const cidr = parseCidr(text);
    if (!cidr || !isPrivate(cidr)) {
      faults.push({
        path: `${path}.cidr`,
        fault: `is '${text}', which is not a private network; write the subnet's own block`,
      });
      continue;
    }
    if (whole && !holds(whole, cidr)) {
      const fault = `does not hold ${text}, the subnet of ${zone}; write the block of the existing VPC`;
      faults.push({ path: "network.cidr", fault });
    }
    const other = seen.find((one) => holds(one.cidr, cidr) || holds(cidr, one.cidr));
    if (other)
      faults.push({ path: `${path}.cidr`, fault: `overlaps ${other.path}.cidr; write the subnet's own block` });
    seen.push({ path, cidr });
    // The last address of a subnet is AWS's.
    const room = 2 ** (32 - cidr.bits) - 1 - hostsPerSubnet;
    if (room < defaultFirstHost) {
      faults.push({
        path: `${path}.cidr`,
        fault: `is too small: ${hostsPerSubnet} addresses are needed, a /27 or wider`,
      });
    } else if ((vpc!.firstHost ?? defaultFirstHost) > room) {
      const fault = `leaves less than the ${hostsPerSubnet} addresses needed in ${text}; write ${room} or less`;
      faults.push({ path: "aws.vpc.firstHost", fault });
    }
  }
  return faults;
}

const holds = (outer: Cidr, inner: Cidr) =>
  inner.bits >= outer.bits && inner.base >= outer.base && inner.base < outer.base + 2 ** (32 - outer.bits);
