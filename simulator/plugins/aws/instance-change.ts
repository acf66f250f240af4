// Changes of a virtual machine that keep it.
import type { _InstanceType } from "@aws-sdk/client-ec2";
import { isDeepStrictEqual } from "node:util";
import { planned } from "../lib/check";
import type { Context } from "../lib/plugin";
import type { Values } from "../lib/wire";
import { ec2 } from "./client";
import { instanceInputs } from "./instance-inputs";
import { describe, stateIs } from "./instance-state";
import { ec2Tags, retag, type Tags } from "./tags";
import { modifyVolume } from "./volume";

type InPlaceChange = (id: string, inputs: Values, state: Values) => Promise<unknown>;

/** By input: what changes it while the machine runs on. */
const inPlace: Record<string, InPlaceChange> = {
  vpcSecurityGroupIds: changeGroups,
  disableApiTermination: (InstanceId, { disableApiTermination }) =>
    ec2().modifyInstanceAttribute({ InstanceId, DisableApiTermination: { Value: disableApiTermination === true } }),
  instanceInitiatedShutdownBehavior: (InstanceId, inputs) =>
    ec2().modifyInstanceAttribute({
      InstanceId,
      InstanceInitiatedShutdownBehavior: { Value: String(inputs.instanceInitiatedShutdownBehavior) },
    }),
  metadataOptions(InstanceId, inputs) {
    const options = inputs.metadataOptions as Values;
    return ec2().modifyInstanceMetadataOptions({
      InstanceId,
      HttpEndpoint: options.httpEndpoint as "enabled",
      HttpTokens: options.httpTokens as "required",
      HttpPutResponseHopLimit: options.httpPutResponseHopLimit as number,
      InstanceMetadataTags: options.instanceMetadataTags as "disabled",
    });
  },
  maintenanceOptions: (InstanceId, { maintenanceOptions }) =>
    ec2().modifyInstanceMaintenanceOptions({
      InstanceId,
      AutoRecovery: (maintenanceOptions as Values).autoRecovery as "default",
    }),
  creditSpecification: (InstanceId, { creditSpecification }) =>
    ec2().modifyInstanceCreditSpecification({
      InstanceCreditSpecifications: [{ InstanceId, CpuCredits: String((creditSpecification as Values).cpuCredits) }],
    }),
  iamInstanceProfile: changeProfile,
  rootBlockDevice: changeRoot,
};

/** As the real plugin does it: a machine in a VPC has the groups of its network interface. */
async function changeGroups(id: string, { vpcSecurityGroupIds }: Values): Promise<void> {
  const NetworkInterfaceId = (await describe(id))?.NetworkInterfaces?.[0]?.NetworkInterfaceId;
  await ec2().modifyNetworkInterfaceAttribute({ NetworkInterfaceId, Groups: vpcSecurityGroupIds as string[] });
}

async function changeProfile(id: string, { iamInstanceProfile }: Values): Promise<void> {
  const of = { Filters: [{ Name: "instance-id", Values: [id] }] };
  const there = (await ec2().describeIamInstanceProfileAssociations(of)).IamInstanceProfileAssociations?.[0];
  const profile = iamInstanceProfile ? { Name: String(iamInstanceProfile) } : undefined;
  if (there && profile) {
    const request = { AssociationId: there.AssociationId!, IamInstanceProfile: profile };
    await ec2().replaceIamInstanceProfileAssociation(request);
  } else if (there) {
    await ec2().disassociateIamInstanceProfile({ AssociationId: there.AssociationId! });
  } else if (profile) {
    await ec2().associateIamInstanceProfile({ InstanceId: id, IamInstanceProfile: profile });
  }
}

async function rootOf(id: string): Promise<{ device: string; volume: string }> {
  const { RootDeviceName: device, BlockDeviceMappings = [] } = (await describe(id)) ?? {};
  const volume = BlockDeviceMappings.find(({ DeviceName }) => DeviceName === device)?.Ebs?.VolumeId;
  if (!device || !volume) throw new Error(`instance ${id} shows no root volume`);
  return { device, volume };
}

const rootDevice = ({ rootBlockDevice }: Values) => (rootBlockDevice ?? {}) as Values & { tags?: Tags };

/** Tags of the root volume: the real plugin sets them once the machine exists, not with the launch. */
export async function tagRoot(id: string, inputs: Values, before: Values = {}): Promise<void> {
  const [old, now] = [rootDevice(before).tags ?? {}, rootDevice(inputs).tags ?? {}];
  if (!isDeepStrictEqual(old, now)) await retag(ec2Tags, (await rootOf(id)).volume, old, now, {});
}

async function changeRoot(id: string, inputs: Values, before: Values): Promise<void> {
  await tagRoot(id, inputs, before);
  const [old, now] = [rootDevice(before), rootDevice(inputs)];
  const { volumeSize: size, volumeType: type } = now;
  const { device, volume } = await rootOf(id);
  if (size !== old.volumeSize || type !== old.volumeType) await modifyVolume(volume, { size, type });
  const goes = ({ deleteOnTermination = true }: Values) => deleteOnTermination === true;
  if (goes(now) === goes(old)) return;
  const Ebs = { DeleteOnTermination: goes(now) };
  await ec2().modifyInstanceAttribute({ InstanceId: id, BlockDeviceMappings: [{ DeviceName: device, Ebs }] });
}

/** Changes all that a running machine bears. */
export async function changeInPlace(inputs: Values, before: Values, { id }: Context): Promise<void> {
  const state = planned({ inputs: instanceInputs }, before);
  for (const [key, step] of Object.entries(inPlace)) {
    if (instanceInputs[key]?.keeps && inputs[key] === undefined) continue;
    if (!isDeepStrictEqual(inputs[key], state[key])) await step(id, inputs, state);
  }
}

/** Changes what only a stopped machine bears: it is stopped and started again, as the real plugin does. */
export async function changeStopped(inputs: Values, state: Values, context: Context): Promise<void> {
  const { id } = context;
  const retyped = inputs.instanceType !== state.instanceType;
  const retold = inputs.userData !== state.userData;
  if (!retyped && !retold) return;
  await ec2().stopInstances({ InstanceIds: [id] });
  await stateIs(id, "stopped", context);
  if (retyped) {
    const InstanceType = { Value: inputs.instanceType as _InstanceType };
    await ec2().modifyInstanceAttribute({ InstanceId: id, InstanceType });
  }
  if (retold) {
    const UserData = { Value: Buffer.from(String(inputs.userData ?? "")) };
    await ec2().modifyInstanceAttribute({ InstanceId: id, UserData });
  }
  await ec2().startInstances({ InstanceIds: [id] });
  await stateIs(id, "running", context);
}
