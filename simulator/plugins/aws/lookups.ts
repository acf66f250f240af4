// What a program looks up: images, instance types, zones, and existing networks.
import type { BlockDeviceMapping, Filter, Image, _InstanceType } from "@aws-sdk/client-ec2";
import type { Lookup, Properties } from "../lib/plugin";
import type { Value, Values } from "../lib/wire";
import { ec2, provider, sts } from "./client";
import { tagMap } from "./tags";

const text = { type: "string" } as const;
const texts = { type: "list", items: text } as const;
const filters: Properties = {
  filters: {
    type: "list",
    items: {
      type: "object",
      fields: { name: { type: "string", required: true }, values: { ...texts, required: true } },
    },
  },
};

const asked = (given: Values): Filter[] =>
  ((given.filters ?? []) as { name: string; values: string[] }[]).map(({ name, values }) => ({
    Name: name,
    Values: values,
  }));

const filter = (name: string, value: Value): Filter[] =>
  value === undefined ? [] : [{ Name: name, Values: [String(value)] }];

/** The one that was found. @throws Error in the real plugin's words */
function only<T>(list: T[] | undefined, what: string): T {
  const [first, ...others] = list ?? [];
  if (!first) throw new Error(`no matching ${what} found`);
  if (others.length > 0) {
    throw new Error(`multiple ${what}s matched; use additional constraints to reduce matches to a single ${what}`);
  }
  return first;
}

export const getAmi: Lookup = {
  inputs: { ...filters, mostRecent: { type: "boolean" }, owners: texts, includeDeprecated: { type: "boolean" } },
  async call(given) {
    const answer = await ec2().describeImages({
      Filters: asked(given),
      Owners: given.owners as string[] | undefined,
      IncludeDeprecated: given.includeDeprecated as boolean | undefined,
    });
    const images = [...(answer.Images ?? [])].sort((a, b) => (created(a) < created(b) ? 1 : -1));
    if (images.length === 0) {
      throw new Error("Your query returned no results. Please change your search criteria and try again.");
    }
    if (images.length > 1 && !given.mostRecent) {
      throw new Error(
        "Your query returned more than one result. Please try a more specific search criteria, or set `most_recent` attribute to true.",
      );
    }
    const image = images[0]!;
    return {
      ...given,
      id: image.ImageId,
      imageId: image.ImageId,
      name: image.Name,
      architecture: image.Architecture,
      creationDate: created(image),
      ownerId: image.OwnerId,
      rootDeviceName: image.RootDeviceName,
      rootDeviceType: image.RootDeviceType,
      virtualizationType: image.VirtualizationType,
      state: image.State,
      deprecationTime: image.DeprecationTime ?? "",
      description: image.Description ?? "",
      blockDeviceMappings: (image.BlockDeviceMappings ?? []).map(disk),
      tags: tagMap(image.Tags),
    };
  },
};

/** As the real plugin: what is in `ebs` is text by AWS' own names, which no bridge has put in camel case. */
const disk = ({ DeviceName, Ebs = {}, NoDevice, VirtualName }: BlockDeviceMapping): Values => ({
  deviceName: DeviceName,
  ebs: {
    delete_on_termination: String(Ebs.DeleteOnTermination ?? false),
    encrypted: String(Ebs.Encrypted ?? false),
    iops: String(Ebs.Iops ?? 0),
    snapshot_id: Ebs.SnapshotId ?? "",
    throughput: String(Ebs.Throughput ?? 0),
    volume_size: String(Ebs.VolumeSize ?? 0),
    volume_type: Ebs.VolumeType ?? "",
  },
  noDevice: NoDevice ?? "",
  virtualName: VirtualName ?? "",
});

const created = (image: Image): string => image.CreationDate ?? "";

export const getInstanceType: Lookup = {
  inputs: { instanceType: { type: "string", required: true } },
  async call({ instanceType }) {
    const answer = await ec2().describeInstanceTypes({ InstanceTypes: [instanceType as _InstanceType] });
    const type = only(answer.InstanceTypes, "EC2 Instance Type");
    return {
      id: type.InstanceType,
      instanceType: type.InstanceType,
      supportedArchitectures: type.ProcessorInfo?.SupportedArchitectures,
      defaultVcpus: type.VCpuInfo?.DefaultVCpus,
      defaultCores: type.VCpuInfo?.DefaultCores,
      memorySize: type.MemoryInfo?.SizeInMiB,
      currentGeneration: type.CurrentGeneration,
      bareMetal: type.BareMetal,
      hypervisor: type.Hypervisor,
      burstablePerformanceSupported: type.BurstablePerformanceSupported,
      autoRecoverySupported: type.AutoRecoverySupported,
      ebsOptimizedSupport: type.EbsInfo?.EbsOptimizedSupport,
      ebsEncryptionSupport: type.EbsInfo?.EncryptionSupport,
      ebsNvmeSupport: type.EbsInfo?.NvmeSupport,
      supportedVirtualizationTypes: type.SupportedVirtualizationTypes,
      supportedPlacementStrategies: type.PlacementGroupInfo?.SupportedStrategies,
    };
  },
};

export const getInstanceTypeOfferings: Lookup = {
  inputs: { ...filters, locationType: { type: "string", oneOf: ["region", "availability-zone"] } },
  async call(given) {
    const answer = await ec2().describeInstanceTypeOfferings({
      LocationType: given.locationType as "availability-zone" | undefined,
      Filters: asked(given),
    });
    const offered = answer.InstanceTypeOfferings ?? [];
    return {
      id: provider().region,
      instanceTypes: offered.map(({ InstanceType }) => InstanceType),
      locations: offered.map(({ Location }) => Location),
      locationTypes: offered.map(({ LocationType }) => LocationType),
    };
  },
};

export const getVpc: Lookup = {
  inputs: { ...filters, id: text },
  async call(given) {
    const VpcIds = given.id === undefined ? undefined : [String(given.id)];
    const vpc = only((await ec2().describeVpcs({ VpcIds, Filters: asked(given) })).Vpcs, "EC2 VPC");
    const attribute = async (Attribute: "enableDnsSupport" | "enableDnsHostnames") =>
      ec2().describeVpcAttribute({ VpcId: vpc.VpcId, Attribute });
    const [support, hostnames] = await Promise.all([attribute("enableDnsSupport"), attribute("enableDnsHostnames")]);
    return {
      id: vpc.VpcId,
      arn: `arn:aws:ec2:::vpc/${vpc.VpcId}`,
      cidrBlock: vpc.CidrBlock,
      cidrBlockAssociations: (vpc.CidrBlockAssociationSet ?? []).map((block) => ({
        associationId: block.AssociationId,
        cidrBlock: block.CidrBlock,
        state: block.CidrBlockState?.State,
      })),
      default: vpc.IsDefault,
      state: vpc.State,
      enableDnsSupport: support.EnableDnsSupport?.Value,
      enableDnsHostnames: hostnames.EnableDnsHostnames?.Value,
      tags: tagMap(vpc.Tags),
    };
  },
};

export const getSubnet: Lookup = {
  inputs: { ...filters, id: text, vpcId: text, availabilityZone: text, cidrBlock: text },
  async call(given) {
    const answer = await ec2().describeSubnets({
      SubnetIds: given.id === undefined ? undefined : [String(given.id)],
      Filters: [
        ...asked(given),
        ...filter("vpc-id", given.vpcId),
        ...filter("availability-zone", given.availabilityZone),
        ...filter("cidr-block", given.cidrBlock),
      ],
    });
    const subnet = only(answer.Subnets, "EC2 Subnet");
    return {
      id: subnet.SubnetId,
      arn: subnet.SubnetArn,
      vpcId: subnet.VpcId,
      availabilityZone: subnet.AvailabilityZone,
      availabilityZoneId: subnet.AvailabilityZoneId,
      cidrBlock: subnet.CidrBlock,
      availableIpAddressCount: subnet.AvailableIpAddressCount,
      mapPublicIpOnLaunch: subnet.MapPublicIpOnLaunch,
      state: subnet.State,
      tags: tagMap(subnet.Tags),
    };
  },
};

export const getRouteTable: Lookup = {
  inputs: { ...filters, routeTableId: text, subnetId: text, vpcId: text, gatewayId: text },
  async call(given) {
    const answer = await ec2().describeRouteTables({
      RouteTableIds: given.routeTableId === undefined ? undefined : [String(given.routeTableId)],
      Filters: [
        ...asked(given),
        ...filter("vpc-id", given.vpcId),
        ...filter("association.subnet-id", given.subnetId),
        ...filter("association.gateway-id", given.gatewayId),
      ],
    });
    const table = only(answer.RouteTables, "Route Table");
    return {
      id: table.RouteTableId,
      arn: `arn:aws:ec2:::route-table/${table.RouteTableId}`,
      routeTableId: table.RouteTableId,
      vpcId: table.VpcId,
      ownerId: table.OwnerId,
      routes: (table.Routes ?? [])
        // As the real plugin: what every table has is left out.
        .filter(({ GatewayId }) => GatewayId !== "local")
        .map((route) => ({
          cidrBlock: route.DestinationCidrBlock ?? "",
          gatewayId: route.GatewayId ?? "",
          natGatewayId: route.NatGatewayId ?? "",
          networkInterfaceId: route.NetworkInterfaceId ?? "",
          transitGatewayId: route.TransitGatewayId ?? "",
          vpcPeeringConnectionId: route.VpcPeeringConnectionId ?? "",
        })),
      associations: (table.Associations ?? []).map((one) => ({
        routeTableAssociationId: one.RouteTableAssociationId,
        routeTableId: one.RouteTableId,
        subnetId: one.SubnetId ?? "",
        gatewayId: one.GatewayId ?? "",
        main: one.Main ?? false,
      })),
      tags: tagMap(table.Tags),
    };
  },
};

export const getAvailabilityZones: Lookup = {
  inputs: { ...filters, state: text, allAvailabilityZones: { type: "boolean" } },
  async call(given) {
    const answer = await ec2().describeAvailabilityZones({
      AllAvailabilityZones: given.allAvailabilityZones as boolean | undefined,
      Filters: [...asked(given), ...filter("state", given.state)],
    });
    const zones = [...(answer.AvailabilityZones ?? [])].sort((a, b) => (a.ZoneName! < b.ZoneName! ? -1 : 1));
    return {
      id: provider().region,
      names: zones.map(({ ZoneName }) => ZoneName),
      zoneIds: zones.map(({ ZoneId }) => ZoneId),
      groupNames: [...new Set(zones.map(({ GroupName }) => GroupName ?? provider().region))],
    };
  },
};

export const getCallerIdentity: Lookup = {
  inputs: {},
  async call() {
    const { Account, Arn, UserId } = await sts().getCallerIdentity({});
    return { id: Account, accountId: Account, arn: Arn, userId: UserId };
  },
};
