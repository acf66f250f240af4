// A public address that stays.
import type { ResourceType } from "../lib/plugin";
import type { Values } from "../lib/wire";
import { ec2, found, gone } from "./client";
import { allTags, observedTags, specification, tagged, tagMap } from "./tags";

async function describe(id: string) {
  return (await found(ec2().describeAddresses({ AllocationIds: [id] })))?.Addresses?.[0];
}

async function outputsOf(id: string): Promise<Values> {
  const address = await describe(id);
  return {
    allocationId: id,
    arn: `arn:aws:ec2:::elastic-ip/${id}`,
    publicIp: address?.PublicIp,
    privateIp: address?.PrivateIpAddress ?? "",
    associationId: address?.AssociationId ?? "",
  };
}

const associate = (id: string, instance: unknown) =>
  ec2().associateAddress({ AllocationId: id, InstanceId: String(instance), AllowReassociation: true });

async function disassociate(id: string): Promise<void> {
  const association = (await describe(id))?.AssociationId;
  if (association) await gone(ec2().disassociateAddress({ AssociationId: association }));
}

export const Eip: ResourceType = tagged({
  inputs: {
    domain: { type: "string", required: true, oneOf: ["vpc"], replaces: true },
    instance: { type: "string" },
  },
  computed: ["allocationId", "arn", "publicIp", "privateIp", "associationId"],
  recomputes: true,
  async create(inputs) {
    const made = await ec2().allocateAddress({
      Domain: "vpc",
      TagSpecifications: specification("elastic-ip", allTags(inputs)),
    });
    const id = made.AllocationId!;
    if (inputs.instance) await associate(id, inputs.instance);
    return { id, outputs: await outputsOf(id) };
  },
  async update(inputs, state, { id }) {
    if (inputs.instance !== state.instance) {
      if (inputs.instance) await associate(id, inputs.instance);
      else await disassociate(id);
    }
    return outputsOf(id);
  },
  async read(_state, { id }) {
    const address = await describe(id);
    if (!address) return undefined;
    return {
      ...(await outputsOf(id)),
      instance: address.InstanceId || undefined,
      ...observedTags(tagMap(address.Tags)),
    };
  },
  async delete(_inputs, _state, { id }) {
    await disassociate(id);
    await gone(ec2().releaseAddress({ AllocationId: id }));
  },
});
