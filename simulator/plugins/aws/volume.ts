// Disks, and their attachment to instances.
import type { ResourceType } from "../lib/plugin";
import type { Value, Values } from "../lib/wire";
import { becomes, ec2, found, gone, inTime } from "./client";
import { stateIs } from "./instance-state";
import { allTags, observedTags, specification, tagged, tagMap } from "./tags";

const needed = { type: "string", required: true, replaces: true } as const;

async function describe(id: string) {
  return (await found(ec2().describeVolumes({ VolumeIds: [id] })))?.Volumes?.[0];
}

/** Changes what of a volume can be changed while it is in use. Undefined: stays. */
export async function modifyVolume(
  id: string,
  { size, type, iops, throughput }: Record<"size" | "type", Value> & { iops?: Value; throughput?: Value },
): Promise<void> {
  const there = await describe(id);
  if (typeof size === "number" && there?.Size !== undefined && size < there.Size) {
    throw new Error(`modifying volume ${id}: InvalidParameterValue: New size cannot be smaller than existing size`);
  }
  await ec2().modifyVolume({
    VolumeId: id,
    Size: size as number | undefined,
    VolumeType: type as "gp3" | undefined,
    Iops: iops as number | undefined,
    Throughput: throughput as number | undefined,
  });
}

export const Volume: ResourceType = tagged({
  inputs: {
    availabilityZone: needed,
    size: { type: "integer", required: true, min: 1 },
    type: { type: "string", default: "gp3", oneOf: ["gp3", "gp2", "io2"] },
    iops: { type: "integer", min: 100 },
    throughput: { type: "integer", min: 125 },
    encrypted: { type: "boolean", default: false, replaces: true },
    kmsKeyId: { type: "string", replaces: true },
  },
  computed: ["arn", "createTime"],
  async create(inputs, { signal }) {
    const made = await ec2().createVolume({
      AvailabilityZone: String(inputs.availabilityZone),
      Size: inputs.size as number,
      VolumeType: inputs.type as "gp3",
      Iops: inputs.iops as number | undefined,
      Throughput: inputs.throughput as number | undefined,
      Encrypted: inputs.encrypted === true,
      KmsKeyId: inputs.kmsKeyId as string | undefined,
      TagSpecifications: specification("volume", allTags(inputs)),
    });
    const id = made.VolumeId!;
    await becomes(`volume ${id} to be available`, async () => (await describe(id))?.State === "available", { signal });
    return { id, outputs: { arn: `arn:aws:ec2:::volume/${id}`, createTime: made.CreateTime?.toISOString() } };
  },
  async update(inputs, state, { id }) {
    const keys = ["size", "type", "iops", "throughput"] as const;
    if (keys.some((key) => inputs[key] !== state[key])) await modifyVolume(id, inputs as never);
    return state;
  },
  async read(_state, { id }) {
    const there = await describe(id);
    if (!there) return undefined;
    return {
      size: there.Size,
      type: there.VolumeType,
      iops: there.Iops,
      throughput: there.Throughput,
      ...observedTags(tagMap(there.Tags)),
    };
  },
  delete: (_inputs, _state, context) => inTime(() => gone(ec2().deleteVolume({ VolumeId: context.id })), context),
});

const attachment = async (volume: Value, machine: Value) =>
  (await describe(String(volume)))?.Attachments?.find(({ InstanceId }) => InstanceId === machine);

export const VolumeAttachment: ResourceType = {
  inputs: {
    deviceName: needed,
    volumeId: needed,
    instanceId: needed,
    // How it goes, not what it is.
    stopInstanceBeforeDetaching: { type: "boolean" },
    skipDestroy: { type: "boolean" },
    forceDetach: { type: "boolean" },
  },
  computed: [],
  async create({ deviceName, volumeId, instanceId }, { signal }) {
    const [VolumeId, InstanceId] = [String(volumeId), String(instanceId)];
    await ec2().attachVolume({ Device: String(deviceName), VolumeId, InstanceId });
    const attached = async () => (await attachment(VolumeId, InstanceId))?.State === "attached";
    await becomes(`volume ${VolumeId} to be attached to ${InstanceId}`, attached, { signal });
    return { id: `vai-${VolumeId.slice("vol-".length)}`, outputs: {} };
  },
  read: async ({ volumeId, instanceId }) => ((await attachment(volumeId, instanceId)) ? {} : undefined),
  async delete(inputs: Values, _state, context) {
    if (inputs.skipDestroy) return;
    const [VolumeId, InstanceId] = [String(inputs.volumeId), String(inputs.instanceId)];
    // As the real plugin: whatever the machine's state, so that one that was terminated outside is an error.
    if (inputs.stopInstanceBeforeDetaching) {
      await ec2().stopInstances({ InstanceIds: [InstanceId] });
      await stateIs(InstanceId, "stopped", context);
    }
    if (!(await attachment(VolumeId, InstanceId))) return;
    await gone(ec2().detachVolume({ VolumeId, InstanceId, Force: inputs.forceDetach === true }));
    const loose = async () => !(await attachment(VolumeId, InstanceId));
    await becomes(`volume ${VolumeId} to be detached`, loose, { signal: context.signal });
  },
};
