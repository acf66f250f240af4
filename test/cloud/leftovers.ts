/** What is still there when nothing should be. */
import { Incus } from "../../components/incus/api";
import { removeInstance } from "../../components/incus/power";
import { markKey, removeBridge } from "./bridge";
import type { Clients } from "./clients";

const pool = "/1.0/storage-pools/pgha";

interface Marked {
  name: string;
  type?: string;
  config: Record<string, string>;
}

const custom = { Filters: [{ Name: "is-default", Values: ["false"] }] };

/**
 * Everything in moto that a new account does not have, by kind and id. What ended but is shown for an hour (terminated instances,
 * deleted NAT gateways) does not count.
 */
export async function leftInAws({ ec2, elb, iam, route53, ssm }: Clients): Promise<string[]> {
  const vpcs = (await ec2.describeVpcs(custom)).Vpcs ?? [];
  const own = new Set(vpcs.map(({ VpcId }) => VpcId));
  const listed: [kind: string, ids: (string | undefined)[]][] = [
    ["vpc", vpcs.map(({ VpcId }) => VpcId)],
    [
      "subnet",
      ((await ec2.describeSubnets({})).Subnets ?? []).filter((one) => !one.DefaultForAz).map((one) => one.SubnetId),
    ],
    [
      "internet gateway",
      ((await ec2.describeInternetGateways({})).InternetGateways ?? []).map((one) => one.InternetGatewayId),
    ],
    [
      "NAT gateway",
      ((await ec2.describeNatGateways({})).NatGateways ?? [])
        .filter((one) => one.State !== "deleted")
        .map((one) => one.NatGatewayId),
    ],
    ["address", ((await ec2.describeAddresses({})).Addresses ?? []).map((one) => one.AllocationId)],
    [
      "route table",
      ((await ec2.describeRouteTables({})).RouteTables ?? [])
        .filter((one) => own.has(one.VpcId))
        .map((one) => one.RouteTableId),
    ],
    [
      "security group",
      ((await ec2.describeSecurityGroups({})).SecurityGroups ?? [])
        .filter((one) => one.GroupName !== "default" || own.has(one.VpcId))
        .map((one) => one.GroupId),
    ],
    ["placement group", ((await ec2.describePlacementGroups({})).PlacementGroups ?? []).map((one) => one.GroupName)],
    [
      "instance",
      ((await ec2.describeInstances({})).Reservations ?? [])
        .flatMap((one) => one.Instances ?? [])
        .filter((one) => one.State?.Name !== "terminated")
        .map((one) => one.InstanceId),
    ],
    ["volume", ((await ec2.describeVolumes({})).Volumes ?? []).map((one) => one.VolumeId)],
    [
      "network interface",
      ((await ec2.describeNetworkInterfaces({})).NetworkInterfaces ?? []).map((one) => one.NetworkInterfaceId),
    ],
    ["role", ((await iam.listRoles({})).Roles ?? []).map((one) => one.RoleName)],
    [
      "instance profile",
      ((await iam.listInstanceProfiles({})).InstanceProfiles ?? []).map((one) => one.InstanceProfileName),
    ],
    [
      "parameter",
      (
        (
          await ssm.describeParameters({
            ParameterFilters: [{ Key: "Name", Option: "BeginsWith", Values: ["/pgha/"] }],
          })
        ).Parameters ?? []
      ).map((one) => one.Name),
    ],
    ["load balancer", ((await elb.describeLoadBalancers({})).LoadBalancers ?? []).map((one) => one.LoadBalancerArn)],
    ["target group", ((await elb.describeTargetGroups({})).TargetGroups ?? []).map((one) => one.TargetGroupArn)],
    ["hosted zone", ((await route53.listHostedZones({})).HostedZones ?? []).map((one) => one.Id)],
  ];
  return listed.flatMap(([kind, ids]) => ids.map((id) => `${kind} ${id}`));
}

async function inIncus(mark?: string) {
  const incus = new Incus();
  const marked = async (path: string) =>
    (await incus.get<Marked[]>(`${path}?recursion=1`)).filter(({ config }) =>
      mark === undefined ? config?.[markKey] !== undefined && !lives(config[markKey]) : config?.[markKey] === mark,
    );
  const [machines, volumes, bridges] = await Promise.all([
    marked("/1.0/instances"),
    marked(`${pool}/volumes/custom`),
    marked("/1.0/networks"),
  ]);
  return { machines, volumes, bridges };
}

/** Whether the rehearsal of that process still runs. */
function lives(pid: string): boolean {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}

/** What a rehearsal has in Incus. */
export async function leftInIncus(mark: string): Promise<string[]> {
  const { machines, volumes, bridges } = await inIncus(mark);
  return [
    ...machines.map(({ name }) => `container ${name}`),
    ...volumes.map(({ name }) => `disk ${name}`),
    ...bridges.map(({ name }) => `bridge ${name}`),
  ];
}

/** Removes what a rehearsal has in Incus. @param mark whose. @default those whose process is gone: they were killed */
export async function sweep(mark?: string): Promise<void> {
  const incus = new Incus();
  const { machines, volumes, bridges } = await inIncus(mark);
  for (const { name } of machines) await removeInstance(incus, name);
  for (const { name } of volumes) await incus.run("DELETE", `${pool}/volumes/custom/${name}`);
  for (const { name } of bridges) await removeBridge(incus, name);
}
