/** A VPC as a bridge of this machine, and what its machines reach at fixed addresses. */
import { execFileSync } from "node:child_process";
import { Incus } from "../../components/incus/api";
import { addressAt, parseCidr } from "../../settings/cidr";
import { overlappingRoute } from "../../components/incus/host";
import { asRoot } from "../../ops/root";

/** Marks what the rehearsal made in Incus, with the id of its process. */
export const markKey = "user.pgha.rehearsal";

export interface BridgeArgs {
  /** The VPC's id and block. */
  vpc: string;
  cidr: string;
  /** Value of the mark. */
  mark: string;
  /** Ports on 127.0.0.1 of this machine that the machines reach: the metadata service, and AWS' interfaces. */
  metadataPort: number;
  frontPort: number;
}

/** Name of the bridge of a VPC: the kernel allows 15 characters. */
export const bridgeOf = (vpc: string): string => `pgha-${vpc.slice(-8)}`;

/** The machine's own address on the bridge of a block: its gateway, and where AWS' interfaces are. */
export const gatewayOf = (cidr: string): string => addressAt(parseCidr(cidr)!, 1);

const table = (bridge: string): string => bridge.replace("-", "_");

function asRootWith(input: string, command: string, ...args: string[]): void {
  const [program, all] = asRoot(command, args);
  execFileSync(program, all, { input, stdio: ["pipe", "pipe", "pipe"] });
}

/** Makes the bridge. @throws Error when something else has its addresses */
export async function makeBridge(incus: Incus, args: BridgeArgs): Promise<void> {
  const name = bridgeOf(args.vpc);
  const gateway = gatewayOf(args.cidr);
  const route = await overlappingRoute(args.cidr, [name]);
  if (route)
    throw new Error(`${args.cidr} overlaps ${route.cidr}, which this machine reaches through ${route.interface}`);
  await incus.run("POST", "/1.0/networks", {
    name,
    type: "bridge",
    description: `pgha: rehearsal of ${args.vpc}`,
    config: {
      "ipv4.address": `${gateway}/${args.cidr.split("/")[1]}`,
      "ipv4.nat": "true",
      "ipv4.dhcp": "false",
      "ipv6.address": "none",
      [markKey]: args.mark,
    },
  });
  // Only what comes from this bridge is led to this machine's loopback interface, and only from those two addresses: on a host that
  // is itself in EC2 its own metadata service stays what it is.
  asRootWith("1\n", "tee", `/proc/sys/net/ipv4/conf/${name}/route_localnet`);
  rules(`
    table ip ${table(name)} {
      chain strangers {
        type filter hook prerouting priority raw;
        iifname "${name}" ip daddr 127.0.0.0/8 drop
      }
      chain services {
        type nat hook prerouting priority dstnat;
        iifname "${name}" ip daddr 169.254.169.254 tcp dport 80 dnat to 127.0.0.1:${args.metadataPort}
        iifname "${name}" ip daddr ${gateway} tcp dport 80 dnat to 127.0.0.1:${args.frontPort}
      }
      map addresses {
        type ipv4_addr : ipv4_addr
      }
      chain addresses {
        type nat hook output priority -100;
        dnat to ip daddr map @addresses
      }
    }`);
}

/** From now on, this machine reaches these public addresses at the private ones beside them. */
export function mapAddresses(vpc: string, addresses: [outside: string, inside: string][]): void {
  const map = `ip ${table(bridgeOf(vpc))} addresses`;
  const elements = addresses.map(([outside, inside]) => `${outside} : ${inside}`).join(", ");
  rules(`flush map ${map}\n${elements ? `add element ${map} { ${elements} }\n` : ""}`);
}

export async function removeBridge(incus: Incus, name: string): Promise<void> {
  // "add" first: deleting a table that is not there is an error.
  rules(`add table ip ${table(name)}\ndelete table ip ${table(name)}\n`);
  await incus.run("DELETE", `/1.0/networks/${name}`);
}

const rules = (text: string) => asRootWith(text, "nft", "-f", "-");
