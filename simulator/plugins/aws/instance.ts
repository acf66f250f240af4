// Virtual machines.
import type { RunInstancesCommandInput, _InstanceType } from "@aws-sdk/client-ec2";
import type { Observed, ResourceType } from "../lib/plugin";
import type { Values } from "../lib/wire";
import { ec2, found, gone, inTime } from "./client";
import { changeInPlace, changeStopped, tagRoot } from "./instance-change";
import { instanceInputs } from "./instance-inputs";
import { describe, stateIs } from "./instance-state";
import { allTags, ec2Tags, observedTags, specification, tagged, tagMap, type Tagger } from "./tags";

/** The device that the image boots from: its name differs between images. */
async function rootDevice(image: string): Promise<string> {
  const answer = await ec2().describeImages({ ImageIds: [image] });
  const name = answer.Images?.[0]?.RootDeviceName;
  if (!name) throw new Error(`image ${image} has no root device`);
  return name;
}

async function request(inputs: Values): Promise<RunInstancesCommandInput> {
  const root = (inputs.rootBlockDevice ?? {}) as Values;
  const metadata = inputs.metadataOptions as Values;
  const tags = allTags(inputs);
  const groups = inputs.vpcSecurityGroupIds as string[] | undefined;
  return {
    MinCount: 1,
    MaxCount: 1,
    ImageId: String(inputs.ami),
    InstanceType: inputs.instanceType as _InstanceType,
    UserData: inputs.userData === undefined ? undefined : Buffer.from(String(inputs.userData)).toString("base64"),
    Placement: {
      AvailabilityZone: inputs.availabilityZone as string | undefined,
      GroupName: inputs.placementGroup as string | undefined,
    },
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId: String(inputs.subnetId),
        PrivateIpAddress: inputs.privateIp as string | undefined,
        AssociatePublicIpAddress: inputs.associatePublicIpAddress === true,
        Groups: groups,
        DeleteOnTermination: true,
      },
    ],
    IamInstanceProfile: inputs.iamInstanceProfile ? { Name: String(inputs.iamInstanceProfile) } : undefined,
    MetadataOptions: {
      HttpEndpoint: metadata.httpEndpoint as "enabled",
      HttpTokens: metadata.httpTokens as "required",
      HttpPutResponseHopLimit: metadata.httpPutResponseHopLimit as number,
      InstanceMetadataTags: metadata.instanceMetadataTags as "disabled",
    },
    MaintenanceOptions: { AutoRecovery: (inputs.maintenanceOptions as Values).autoRecovery as "default" },
    CreditSpecification: inputs.creditSpecification
      ? { CpuCredits: String((inputs.creditSpecification as Values).cpuCredits) }
      : undefined,
    DisableApiTermination: inputs.disableApiTermination === true,
    EbsOptimized: inputs.ebsOptimized === true,
    InstanceInitiatedShutdownBehavior: inputs.instanceInitiatedShutdownBehavior as "stop",
    BlockDeviceMappings: [
      {
        DeviceName: await rootDevice(String(inputs.ami)),
        Ebs: {
          VolumeType: root.volumeType as "gp3" | undefined,
          VolumeSize: root.volumeSize as number | undefined,
          Encrypted: root.encrypted as boolean | undefined,
          KmsKeyId: root.kmsKeyId as string | undefined,
          DeleteOnTermination: root.deleteOnTermination !== false,
        },
      },
    ],
    TagSpecifications: specification("instance", tags),
  };
}

async function outputsOf(id: string): Promise<Values> {
  const there = await describe(id);
  if (!there) throw new Error(`instance ${id} ended as soon as it was made`);
  return {
    arn: `arn:aws:ec2:::instance/${id}`,
    instanceState: there.State?.Name,
    privateDns: there.PrivateDnsName,
    publicIp: there.PublicIpAddress ?? "",
    publicDns: there.PublicDnsName ?? "",
    primaryNetworkInterfaceId: there.NetworkInterfaces?.[0]?.NetworkInterfaceId,
  };
}

export const Instance: ResourceType = tagged({
  inputs: instanceInputs,
  computed: ["arn", "instanceState", "privateDns", "publicIp", "publicDns", "primaryNetworkInterfaceId", "privateIp"],
  async create(inputs, context) {
    const asked = await request(inputs);
    // EC2 hears of a new profile later than IAM.
    const unheard = ({ message }: Error) => message.includes("Invalid IAM Instance Profile");
    const made = await inTime(() => ec2().runInstances(asked), context, unheard);
    const id = made.Instances![0]!.InstanceId!;
    await stateIs(id, "running", context);
    await tagRoot(id, inputs);
    const { PrivateIpAddress: privateIp } = (await describe(id))!;
    return { id, outputs: { privateIp, ...(await outputsOf(id)) } };
  },
  async update(inputs, state, context) {
    // A type that has no CPU credits takes no word on them: the new one comes first.
    await changeStopped(inputs, state, context);
    await changeInPlace(inputs, state, context);
    return { privateIp: state.privateIp, ...(await outputsOf(context.id)) };
  },
  async read(_state, { id }): Promise<Observed | undefined> {
    const there = await describe(id);
    if (!there) return undefined;
    return {
      instanceType: there.InstanceType,
      vpcSecurityGroupIds: there.NetworkInterfaces?.[0]?.Groups?.map(({ GroupId }) => GroupId!),
      ...(await outputsOf(id)),
      ...observedTags(tagMap(there.Tags)),
    };
  },
  async delete(_inputs, _state, context) {
    if (!(await describe(context.id))) return;
    await gone(ec2().terminateInstances({ InstanceIds: [context.id] }));
    await stateIs(context.id, undefined, context);
  },
});

/** Its name is its id to all calls but those that change its tags. */
const groupTags: Tagger = {
  set: (_name, tags, { placementGroupId }) => ec2Tags.set(String(placementGroupId), tags, {}),
  remove: (_name, keys, { placementGroupId }) => ec2Tags.remove(String(placementGroupId), keys, {}),
};

export const PlacementGroup: ResourceType = tagged(
  {
    named: "name",
    inputs: {
      name: { type: "string", required: true, replaces: true },
      strategy: { type: "string", required: true, oneOf: ["cluster", "spread"], replaces: true },
    },
    computed: ["arn", "placementGroupId", "spreadLevel"],
    async create(inputs) {
      const { PlacementGroup: made } = await ec2().createPlacementGroup({
        GroupName: String(inputs.name),
        Strategy: inputs.strategy as "spread",
        TagSpecifications: specification("placement-group", allTags(inputs)),
      });
      const { GroupId: placementGroupId, GroupArn: arn } = made!;
      return { id: String(inputs.name), outputs: { arn, placementGroupId, spreadLevel: "rack" } };
    },
    async read(_state, { id }) {
      const answer = await found(ec2().describePlacementGroups({ GroupNames: [id] }));
      const there = answer?.PlacementGroups?.[0];
      return there && observedTags(tagMap(there.Tags));
    },
    delete: (_inputs, _state, { id }) => gone(ec2().deletePlacementGroup({ GroupName: id })),
  },
  groupTags,
);
