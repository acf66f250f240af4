import { endpointPorts } from "../../settings/aws/flows";
import { ports } from "../../settings/ports";
import { objects, texts, type Declared, type Rule, type Values } from "../rule";

/** The ports that clients use on the endpoint; no other can be declared public. */
const clientPorts: number[] = Object.values(endpointPorts);

/** One thing let in: from where, and to which ports. */
interface Opening {
  cidr: string;
  from?: number;
  to?: number;
}

/** `0.0.0.0/0`, `::/0`, and the halves or quarters of them that add up to the same. `fc00::/7` is private (RFC 4193). */
const isWorld = (cidr: string) => Number(cidr.split("/")[1]) < 8 && cidr !== "fc00::/7";

/** The openings in a rule of its own (cidrIpv4) or in the older forms (cidrBlocks). */
function openings(rule: Values): Opening[] {
  const cidrs = [rule.cidrIpv4, rule.cidrIpv6, rule.cidrBlocks, rule.ipv6CidrBlocks].flatMap(texts);
  // Protocol -1 is every protocol, and then every port whatever the ports say.
  const all = String(rule.ipProtocol ?? rule.protocol) === "-1";
  const port = (value: unknown) => (all || value === undefined ? undefined : Number(value));
  return cidrs.map((cidr) => ({ cidr, from: port(rule.fromPort), to: port(rule.toPort) }));
}

/** The ways to let traffic in. */
const ingress: Record<string, (props: Values) => Opening[]> = {
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": openings,
  "aws:ec2/securityGroupRule:SecurityGroupRule": (props) => (props.type === "ingress" ? openings(props) : []),
  "aws:ec2/securityGroup:SecurityGroup": (props) => objects(props.ingress).flatMap(openings),
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": (props) => objects(props.ingress).flatMap(openings),
};

function fault({ cidr, from, to }: Opening, declared: Declared): string | undefined {
  const open = from === undefined ? "every port" : from === to ? `port ${from}` : `ports ${from} to ${to}`;
  const opens = `This opens ${open} to ${cidr}.`;
  if (from === undefined || from !== to || !clientPorts.includes(from)) {
    const ssh = from === ports.ssh ? " For SSH name the addresses that need it, in pgha:aws.bastion.allow." : "";
    return `${opens} Only ${clientPorts.join(", ")} can be public.${ssh}`;
  }
  if (declared.public && declared.clients.includes(cidr)) return undefined;
  return `${opens} If that is meant, set pgha:aws.public to true and name ${cidr} in pgha:aws.clients.`;
}

export const closed: Rule = {
  name: "nothing-open-to-the-world",
  description: "Only client ports that the settings declare public take connections from everywhere.",
  faults: ({ type, props }, declared) =>
    (ingress[type]?.(props) ?? [])
      .filter(({ cidr }) => isWorld(cidr))
      .flatMap((opening) => fault(opening, declared) ?? []),
};
