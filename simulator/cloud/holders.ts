/** What AWS does not let go because something else still needs it: who holds it, in words. */
import type { Clients } from "./clients";

export type Holder = (id: string, aws: Clients) => Promise<string | undefined>;

const first = (...found: (string | undefined)[]): string | undefined => found.find((one) => one !== undefined);

const balancers = async ({ elb }: Clients) => (await elb.describeLoadBalancers({})).LoadBalancers ?? [];

const gateways = async ({ ec2 }: Clients) =>
  ((await ec2.describeNatGateways({})).NatGateways ?? []).filter(({ State }) => State !== "deleted");

/** A network interface that is found by a filter. */
async function interfaceBy({ ec2 }: Clients, name: string, id: string): Promise<string | undefined> {
  const found = await ec2.describeNetworkInterfaces({ Filters: [{ Name: name, Values: [id] }] });
  const there = found.NetworkInterfaces?.[0];
  return there && `network interface ${there.NetworkInterfaceId}`;
}

export const ofGroup: Holder = async (id, aws) => {
  const { SecurityGroupRules = [] } = await aws.ec2.describeSecurityGroupRules({});
  const rule = SecurityGroupRules.find((one) => one.ReferencedGroupInfo?.GroupId === id && one.GroupId !== id);
  const balancer = (await balancers(aws)).find(({ SecurityGroups = [] }) => SecurityGroups.includes(id));
  return first(
    await interfaceBy(aws, "group-id", id),
    balancer && `load balancer ${balancer.LoadBalancerName}`,
    rule && `a rule of ${rule.GroupId}`,
  );
};

export const ofSubnet: Holder = async (id, aws) => {
  const inIt = ({ SubnetId }: { SubnetId?: string }) => SubnetId === id;
  const balancer = (await balancers(aws)).find(({ AvailabilityZones = [] }) => AvailabilityZones.some(inIt));
  const gateway = (await gateways(aws)).find(inIt);
  return first(
    balancer && `load balancer ${balancer.LoadBalancerName}`,
    gateway && `NAT gateway ${gateway.NatGatewayId}`,
    await interfaceBy(aws, "subnet-id", id),
  );
};

/** Public addresses in a VPC, which keep its internet gateway. */
export const ofAttachment: Holder = async (vpc, aws) => {
  const { ec2 } = aws;
  const { Addresses = [] } = await ec2.describeAddresses({});
  const ids = Addresses.flatMap(({ NetworkInterfaceId }) => NetworkInterfaceId ?? []);
  const used = await ec2.describeNetworkInterfaces({ Filters: [{ Name: "vpc-id", Values: [vpc] }] });
  const mapped = used.NetworkInterfaces?.find(({ NetworkInterfaceId }) => ids.includes(NetworkInterfaceId!));
  const gateway = (await gateways(aws)).find(({ VpcId }) => VpcId === vpc);
  const open = (await balancers(aws)).find((one) => one.VpcId === vpc && one.Scheme === "internet-facing");
  return first(
    gateway && `NAT gateway ${gateway.NatGatewayId}`,
    mapped && `the address of ${mapped.NetworkInterfaceId}`,
    open && `load balancer ${open.LoadBalancerName}`,
  );
};

export const ofVpc: Holder = async (vpc, { ec2 }) => {
  const Filters = [{ Name: "vpc-id", Values: [vpc] }];
  const [subnet] = (await ec2.describeSubnets({ Filters })).Subnets ?? [];
  const groups = (await ec2.describeSecurityGroups({ Filters })).SecurityGroups ?? [];
  const group = groups.find(({ GroupName }) => GroupName !== "default");
  const attached = { Filters: [{ Name: "attachment.vpc-id", Values: [vpc] }] };
  const [gateway] = (await ec2.describeInternetGateways(attached)).InternetGateways ?? [];
  return first(
    subnet && `subnet ${subnet.SubnetId}`,
    group && `security group ${group.GroupId}`,
    gateway && `internet gateway ${gateway.InternetGatewayId}`,
  );
};

export const ofVolume: Holder = async (id, { ec2 }) => {
  const [volume] = (await ec2.describeVolumes({ VolumeIds: [id] })).Volumes ?? [];
  const attached = volume?.Attachments?.[0];
  return attached && `machine ${attached.InstanceId}`;
};

export const ofAddress: Holder = async (id, aws) => {
  const gateway = (await gateways(aws)).find(({ NatGatewayAddresses = [] }) =>
    NatGatewayAddresses.some(({ AllocationId }) => AllocationId === id),
  );
  return gateway && `NAT gateway ${gateway.NatGatewayId}`;
};
