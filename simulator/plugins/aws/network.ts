// A VPC with its subnets and gateways.
import type { Context, ResourceType } from "../lib/plugin";
import type { Values } from "../lib/wire";
import { becomes, ec2, found, gone, inTime, isGone } from "./client";
import { allTags, observedTags, specification, tagged, tagMap } from "./tags";

const text = { type: "string" } as const;
const fixed = { type: "string", replaces: true } as const;
const needed = { type: "string", required: true, replaces: true } as const;

type Switch = "EnableDnsSupport" | "EnableDnsHostnames";

/** AWS takes one switch at a time. */
async function setDns(id: string, { enableDnsSupport, enableDnsHostnames }: Values): Promise<void> {
  const set = (name: Switch, value: boolean) => ec2().modifyVpcAttribute({ VpcId: id, [name]: { Value: value } });
  await set("EnableDnsSupport", enableDnsSupport === true);
  await set("EnableDnsHostnames", enableDnsHostnames === true);
}

export const Vpc: ResourceType = tagged({
  inputs: {
    cidrBlock: needed,
    enableDnsSupport: { type: "boolean", default: true },
    enableDnsHostnames: { type: "boolean", default: false },
  },
  computed: ["arn", "ownerId", "mainRouteTableId", "defaultRouteTableId", "defaultSecurityGroupId"],
  async create(inputs) {
    const made = await ec2().createVpc({
      CidrBlock: String(inputs.cidrBlock),
      TagSpecifications: specification("vpc", allTags(inputs)),
    });
    const id = made.Vpc!.VpcId!;
    await setDns(id, inputs);
    return { id, outputs: await vpcOutputs(id, made.Vpc?.OwnerId) };
  },
  async update(inputs, state, { id }) {
    await setDns(id, inputs);
    return state;
  },
  async read(_state, { id }) {
    const vpc = (await found(ec2().describeVpcs({ VpcIds: [id] })))?.Vpcs?.[0];
    if (!vpc) return undefined;
    const dns = async (Attribute: "enableDnsSupport" | "enableDnsHostnames") =>
      ec2().describeVpcAttribute({ VpcId: id, Attribute });
    const [support, hostnames] = await Promise.all([dns("enableDnsSupport"), dns("enableDnsHostnames")]);
    return {
      cidrBlock: vpc.CidrBlock,
      enableDnsSupport: support.EnableDnsSupport?.Value,
      enableDnsHostnames: hostnames.EnableDnsHostnames?.Value,
      ...observedTags(tagMap(vpc.Tags)),
    };
  },
  delete: (_inputs, _state, context) => inTime(() => gone(ec2().deleteVpc({ VpcId: context.id })), context),
});

async function vpcOutputs(id: string, owner: string | undefined): Promise<Values> {
  const of = [{ Name: "vpc-id", Values: [id] }];
  const [groups, tables] = await Promise.all([
    ec2().describeSecurityGroups({ Filters: [...of, { Name: "group-name", Values: ["default"] }] }),
    ec2().describeRouteTables({ Filters: [...of, { Name: "association.main", Values: ["true"] }] }),
  ]);
  const main = tables.RouteTables?.[0]?.RouteTableId;
  return {
    arn: `arn:aws:ec2:::vpc/${id}`,
    ownerId: owner,
    mainRouteTableId: main,
    defaultRouteTableId: main,
    defaultSecurityGroupId: groups.SecurityGroups?.[0]?.GroupId,
  };
}

const setPublicIp = (id: string, { mapPublicIpOnLaunch }: Values) =>
  ec2().modifySubnetAttribute({ SubnetId: id, MapPublicIpOnLaunch: { Value: mapPublicIpOnLaunch === true } });

export const Subnet: ResourceType = tagged({
  inputs: {
    vpcId: needed,
    cidrBlock: needed,
    availabilityZone: fixed,
    mapPublicIpOnLaunch: { type: "boolean", default: false },
  },
  computed: ["arn", "ownerId", "availabilityZoneId"],
  async create(inputs) {
    const { Subnet: made } = await ec2().createSubnet({
      VpcId: String(inputs.vpcId),
      CidrBlock: String(inputs.cidrBlock),
      AvailabilityZone: inputs.availabilityZone as string | undefined,
      TagSpecifications: specification("subnet", allTags(inputs)),
    });
    if (inputs.mapPublicIpOnLaunch) await setPublicIp(made!.SubnetId!, inputs);
    const { SubnetId: id, SubnetArn: arn, OwnerId: ownerId, AvailabilityZoneId: availabilityZoneId } = made!;
    return { id: id!, outputs: { arn, ownerId, availabilityZoneId, availabilityZone: made!.AvailabilityZone } };
  },
  async update(inputs, state, { id }) {
    await setPublicIp(id, inputs);
    return state;
  },
  async read(_state, { id }) {
    const subnet = (await found(ec2().describeSubnets({ SubnetIds: [id] })))?.Subnets?.[0];
    if (!subnet) return undefined;
    return { mapPublicIpOnLaunch: subnet.MapPublicIpOnLaunch ?? false, ...observedTags(tagMap(subnet.Tags)) };
  },
  delete: (_inputs, _state, context) => inTime(() => gone(ec2().deleteSubnet({ SubnetId: context.id })), context),
});

async function detach(vpc: unknown, context: Context): Promise<void> {
  const request = { InternetGatewayId: context.id, VpcId: String(vpc) };
  try {
    await inTime(() => ec2().detachInternetGateway(request), context);
  } catch (error) {
    if (!isGone(error) && (error as Error).name !== "Gateway.NotAttached") throw error;
  }
}

export const InternetGateway: ResourceType = tagged({
  inputs: { vpcId: text },
  computed: ["arn", "ownerId"],
  async create(inputs) {
    const { InternetGateway: made } = await ec2().createInternetGateway({
      TagSpecifications: specification("internet-gateway", allTags(inputs)),
    });
    const id = made!.InternetGatewayId!;
    if (inputs.vpcId) await ec2().attachInternetGateway({ InternetGatewayId: id, VpcId: String(inputs.vpcId) });
    return { id, outputs: { arn: `arn:aws:ec2:::internet-gateway/${id}`, ownerId: made!.OwnerId } };
  },
  async update(inputs, state, context) {
    if (inputs.vpcId !== state.vpcId) {
      if (state.vpcId) await detach(state.vpcId, context);
      if (inputs.vpcId)
        await ec2().attachInternetGateway({ InternetGatewayId: context.id, VpcId: String(inputs.vpcId) });
    }
    return state;
  },
  async read(_state, { id }) {
    const answer = await found(ec2().describeInternetGateways({ InternetGatewayIds: [id] }));
    const gateway = answer?.InternetGateways?.[0];
    if (!gateway) return undefined;
    return { vpcId: gateway.Attachments?.[0]?.VpcId, ...observedTags(tagMap(gateway.Tags)) };
  },
  async delete(inputs, _state, context) {
    if (inputs.vpcId) await detach(inputs.vpcId, context);
    await gone(ec2().deleteInternetGateway({ InternetGatewayId: context.id }));
  },
});

export const NatGateway: ResourceType = tagged({
  inputs: { allocationId: needed, subnetId: needed },
  computed: ["privateIp", "publicIp", "networkInterfaceId", "associationId"],
  async create(inputs, { signal }) {
    const { NatGateway: made } = await ec2().createNatGateway({
      AllocationId: String(inputs.allocationId),
      SubnetId: String(inputs.subnetId),
      TagSpecifications: specification("natgateway", allTags(inputs)),
    });
    const id = made!.NatGatewayId!;
    await becomes(`NAT gateway ${id} to be available`, async () => (await natState(id)) === "available", { signal });
    const address = (await ec2().describeNatGateways({ NatGatewayIds: [id] })).NatGateways?.[0]
      ?.NatGatewayAddresses?.[0];
    return {
      id,
      outputs: {
        privateIp: address?.PrivateIp,
        publicIp: address?.PublicIp,
        networkInterfaceId: address?.NetworkInterfaceId,
        associationId: address?.AssociationId,
      },
    };
  },
  async read(_state, { id }) {
    const gateway = (await found(ec2().describeNatGateways({ NatGatewayIds: [id] })))?.NatGateways?.[0];
    if (!gateway || gateway.State === "deleted") return undefined;
    return observedTags(tagMap(gateway.Tags));
  },
  async delete(_inputs, _state, { id, signal }) {
    await gone(ec2().deleteNatGateway({ NatGatewayId: id }));
    const ended = async () => [undefined, "deleted"].includes(await natState(id));
    await becomes(`NAT gateway ${id} to be deleted`, ended, { signal });
  },
});

async function natState(id: string): Promise<string | undefined> {
  const answer = await found(ec2().describeNatGateways({ NatGatewayIds: [id] }));
  return answer?.NatGateways?.[0]?.State;
}
