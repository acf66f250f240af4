import * as aws from "@pulumi/aws";
import type { Fault } from "../../settings/faults";
import type { Settings } from "../../settings/schema";
import { ask } from "./ask";

/** Where the default route of a subnet leads. */
type Way = "inside" | "outside" | "nowhere";

/** What a subnet of an existing VPC must be. */
interface Wanted {
  path: string;
  id: string;
  zone?: string;
  cidr?: string;
  /** `inside`: by NAT, for machines without a public address. `outside`: by an internet gateway. */
  way?: Way;
}

/** What is wrong with an existing VPC; empty when the cluster makes its own. */
export async function vpcFaults(settings: Settings): Promise<Fault[]> {
  const { vpc, zones, region, public: open, dns } = settings.aws!;
  if (!vpc) return [];
  const absent = `is ${vpc.id}, which does not exist in ${region}; write the id of a VPC that does`;
  return ask("aws.vpc.id", aws.ec2.getVpc({ id: vpc.id }), absent, async (found) => {
    const faults: Fault[] = [];
    if (dns && !(found.enableDnsSupport && found.enableDnsHostnames)) {
      const fault = `needs enableDnsSupport and enableDnsHostnames on ${vpc.id}; switch both on, or remove it`;
      faults.push({ path: "aws.dns", fault });
    }
    const wanted = zones.flatMap((zone): Wanted[] => {
      const { subnet, cidr } = vpc.nodes[zone]!;
      const clients = vpc.clients?.[zone];
      return [
        { path: `aws.vpc.nodes.${zone}.subnet`, id: subnet, zone, cidr, way: "inside" },
        ...(clients
          ? [{ path: `aws.vpc.clients.${zone}`, id: clients, zone, way: open ? ("outside" as const) : undefined }]
          : []),
      ];
    });
    return [...faults, ...(await Promise.all(wanted.map((one) => subnetFaults(one, vpc.id)))).flat()];
  });
}

async function subnetFaults({ path, id, zone, cidr, way }: Wanted, vpcId: string): Promise<Fault[]> {
  const absent = `is ${id}, which does not exist; write a subnet of ${vpcId}`;
  return ask(path, aws.ec2.getSubnet({ id }), absent, async (found) => {
    if (found.vpcId !== vpcId)
      return [{ path, fault: `is ${id}, which is in ${found.vpcId}; write a subnet of ${vpcId}` }];
    const faults: Fault[] = [];
    const fault = (text: string) => faults.push({ path, fault: `is ${id}, ${text}` });
    if (zone && found.availabilityZone !== zone) fault(`which is in ${found.availabilityZone}; write one in ${zone}`);
    if (cidr && found.cidrBlock !== cidr)
      fault(`whose block is ${found.cidrBlock}, not ${cidr}; write that as its cidr`);
    return way ? [...faults, ...(await routeFaults(path, id, vpcId, way))] : faults;
  });
}

async function routeFaults(path: string, id: string, vpcId: string, way: Way): Promise<Fault[]> {
  const absent = `is ${id}, whose route table does not exist; give it one`;
  return ask(path, defaultRoute(id, vpcId), absent, (real) => {
    if (real === way) return [];
    if (way === "outside") {
      const fault = `is ${id}, which has no default route to an internet gateway; write a public subnet`;
      return [{ path, fault }];
    }
    const state =
      real === "outside" ? "leads to an internet gateway, which serves public addresses only" : "is missing";
    const fault = `is ${id}, whose default route ${state}: machines could not install anything; route 0.0.0.0/0 to a NAT gateway`;
    return [{ path, fault }];
  });
}

/** Where a subnet's default route leads: by its own route table, else by the VPC's main one. */
async function defaultRoute(subnetId: string, vpcId: string): Promise<Way> {
  const main = { vpcId, filters: [{ name: "association.main", values: ["true"] }] };
  const table = await aws.ec2.getRouteTable({ subnetId }).catch(() => aws.ec2.getRouteTable(main));
  const route = table.routes.find(({ cidrBlock }) => cidrBlock === "0.0.0.0/0");
  if (!route) return "nowhere";
  // A transit gateway, a firewall's endpoint or an appliance serves as well as a NAT gateway.
  return route.gatewayId.startsWith("igw-") ? "outside" : "inside";
}
