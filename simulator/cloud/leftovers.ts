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

/** What rehearsals have in Incus. @param wanted tells of a mark, which is the id of a process, whether it counts */
async function inIncus(wanted: (mark: string) => boolean) {
  const incus = new Incus();
  const marked = async (path: string) =>
    (await incus.get<Marked[]>(`${path}?recursion=1`)).filter(({ config }) => {
      const mark = config?.[markKey];
      return mark !== undefined && wanted(mark);
    });
  const [machines, volumes, bridges] = await Promise.all([
    marked("/1.0/instances"),
    marked(`${pool}/volumes/custom`),
    marked("/1.0/networks"),
  ]);
  return { machines, volumes, bridges };
}

/** Whether the process of a mark still runs. */
function lives(mark: string): boolean {
  try {
    process.kill(Number(mark), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Refuses a second rehearsal: both would have the same names and addresses. */
export async function refuseSecond(): Promise<void> {
  const { bridges } = await inIncus(lives);
  const [other] = bridges;
  if (!other) return;
  const process = other.config[markKey];
  throw new Error(`process ${process} is at a rehearsal on this machine (${other.name}); wait for its end, or end it`);
}

/** What a rehearsal has in Incus. */
export async function leftInIncus(mark: string): Promise<string[]> {
  const { machines, volumes, bridges } = await inIncus((one) => one === mark);
  return [
    ...machines.map(({ name }) => `container ${name}`),
    ...volumes.map(({ name }) => `disk ${name}`),
    ...bridges.map(({ name }) => `bridge ${name}`),
  ];
}

/** Removes what a rehearsal has in Incus. @param mark whose. @default those whose process is gone: they were killed */
export async function sweep(mark?: string): Promise<void> {
  const incus = new Incus();
  const { machines, volumes, bridges } = await inIncus((one) => (mark === undefined ? !lives(one) : one === mark));
  for (const { name } of machines) await removeInstance(incus, name);
  for (const { name } of volumes) await incus.run("DELETE", `${pool}/volumes/custom/${name}`);
  for (const { name } of bridges) await removeBridge(incus, name);
}
