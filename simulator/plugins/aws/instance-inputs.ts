// What a program may say of a virtual machine, and which change makes another one.
import type { Properties } from "../lib/plugin";
import { isObject, type Value } from "../lib/wire";

const text = { type: "string" } as const;
const fixed = { type: "string", replaces: true } as const;

/** The members of the root disk that can't change while it lives. */
const anotherDisk = (before: Value, after: Value): boolean =>
  ["encrypted", "kmsKeyId"].some((key) => member(before, key) !== member(after, key));

const member = (value: Value, key: string): Value => (isObject(value) ? value[key] : undefined);

export const instanceInputs: Properties = {
  ami: { type: "string", required: true, replaces: true },
  // With the real plugin a type for another processor replaces the machine. pgha refuses all but x86-64 before it comes to that.
  instanceType: { type: "string", required: true },
  availabilityZone: fixed,
  subnetId: { type: "string", required: true, replaces: true },
  privateIp: fixed,
  associatePublicIpAddress: { type: "boolean", replaces: true },
  vpcSecurityGroupIds: { type: "list", items: text, unordered: true },
  iamInstanceProfile: text,
  userData: text,
  placementGroup: fixed,
  disableApiTermination: { type: "boolean", default: false },
  ebsOptimized: { type: "boolean", default: false, replaces: true },
  instanceInitiatedShutdownBehavior: { type: "string", default: "stop", oneOf: ["stop", "terminate"] },
  metadataOptions: {
    type: "object",
    default: {},
    fields: {
      httpEndpoint: { type: "string", default: "enabled", oneOf: ["enabled", "disabled"] },
      httpTokens: { type: "string", default: "optional", oneOf: ["optional", "required"] },
      httpPutResponseHopLimit: { type: "integer", default: 1, min: 1 },
      instanceMetadataTags: { type: "string", default: "disabled", oneOf: ["enabled", "disabled"] },
    },
  },
  maintenanceOptions: {
    type: "object",
    default: {},
    fields: { autoRecovery: { type: "string", default: "default", oneOf: ["default", "disabled"] } },
  },
  creditSpecification: {
    type: "object",
    keeps: true,
    fields: { cpuCredits: { type: "string", oneOf: ["standard", "unlimited"] } },
  },
  rootBlockDevice: {
    type: "object",
    replaces: anotherDisk,
    fields: {
      volumeType: text,
      volumeSize: { type: "integer", min: 1 },
      encrypted: { type: "boolean" },
      kmsKeyId: text,
      deleteOnTermination: { type: "boolean", default: true },
      tags: { type: "map", items: text },
    },
  },
};
