import * as aws from "@pulumi/aws";
import type { Fault } from "../../settings/faults";
import { roles } from "../../settings/roles";
import type { Settings } from "../../settings/schema";
import { ask, said } from "./ask";
import { imageQuery } from "./image";
import { vpcFaults } from "./preflight-vpc";

/**
 * Checks the settings against what AWS has, before any resource is declared: a mistake that AWS would refuse half-way is one that
 * shows in the preview, all of them at once. It only reads (`sts:GetCallerIdentity`, `ec2:Describe*`).
 *
 * What cannot be known beforehand is whether the account's quotas suffice; the next `up` goes on where one was refused.
 */
export async function preflight(settings: Settings): Promise<Fault[]> {
  try {
    await aws.getCallerIdentity();
  } catch (error) {
    return [{ path: "driver", fault: noAccess(settings.aws!.region, said(error)) }];
  }
  const checks = [zoneFaults(settings), imageFaults(settings), typeFaults(settings), vpcFaults(settings)];
  return (await Promise.all(checks)).flat();
}

const noAccess = (region: string, reason: string) =>
  `is aws, but AWS accepts no call to ${region}: ${reason}. Log in first (\`aws sso login\`, or set AWS_PROFILE, or ` +
  "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY); in a pipeline let OIDC do it (docs/pull-requests.md)";

async function zoneFaults({ aws: settings }: Settings): Promise<Fault[]> {
  const { zones, region } = settings!;
  return ask(
    "aws.zones",
    aws.getAvailabilityZones({ state: "available" }),
    `cannot be used in ${region}`,
    ({ names }) =>
      zones
        .filter((zone) => !names.includes(zone))
        .map((zone) => ({
          path: "aws.zones",
          fault: `names ${zone}, which this account does not have now; ${region} has ${[...names].sort().join(", ")}`,
        })),
  );
}

async function imageFaults({ aws: settings, machines }: Settings): Promise<Fault[]> {
  const { image, region } = settings!;
  const path = "aws.image";
  const absent = image
    ? `is ${image}, which ${region} does not have (any more); \`npx pgha image\` writes a present one. Machines keep theirs`
    : `is not set, and ${region} has no official image of Debian 13; write an ami-... of Debian 13 for amd64`;
  return ask(path, aws.ec2.getAmi(imageQuery(settings!)), absent, (found) => {
    const unfit = [
      found.architecture !== "x86_64" && `for ${found.architecture}, not x86_64`,
      found.virtualizationType !== "hvm" && `for ${found.virtualizationType} virtualization, not hvm`,
      found.rootDeviceType !== "ebs" && `on ${found.rootDeviceType}, not on ebs`,
      found.state !== "available" && found.state,
    ].filter(Boolean);
    const faults: Fault[] = [];
    if (unfit.length > 0) {
      const fault = `is ${found.imageId}, which is ${unfit.join(", ")}; \`npx pgha image\` writes one that fits`;
      faults.push({ path, fault });
    }
    const root = found.blockDeviceMappings.find(({ deviceName }) => deviceName === found.rootDeviceName);
    const least = Number(root?.ebs.volume_size ?? 0);
    for (const role of roles.filter((one) => machines[one].disk < least)) {
      const fault = `is ${machines[role].disk} GiB, but the machine image has ${least} GiB; write ${least} or more`;
      faults.push({ path: `machines.${role}.disk`, fault });
    }
    return faults;
  });
}

/** Checks each instance type once, for all that use it. */
async function typeFaults(settings: Settings): Promise<Fault[]> {
  const { zones, bastion } = settings.aws!;
  const uses: Use[] = roles.map((role) => ({
    path: `machines.${role}`,
    ...settings.machines[role],
    type: settings.machines[role].type!,
    zones: zones.slice(0, settings.nodes[role]),
  }));
  if (!("host" in bastion)) uses.push({ path: "aws.bastion", type: bastion.type, zones: zones.slice(0, 1) });
  const types = [...new Set(uses.map(({ type }) => type))];
  const checks = types.map((type) =>
    oneTypeFaults(
      type,
      uses.filter((use) => use.type === type),
      settings.aws!.region,
    ),
  );
  return (await Promise.all(checks)).flat();
}

/** Where an instance type is named, and what is said of it there. */
interface Use {
  path: string;
  type: string;
  zones: string[];
  /** Undefined where the settings do not say it. */
  cpus?: number;
  /** MiB. */
  memory?: number;
}

async function oneTypeFaults(type: string, uses: Use[], region: string): Promise<Fault[]> {
  const path = uses.map((use) => `${use.path}.type`).join(", ");
  const absent = `is ${type}, which ${region} does not have; write one it has, such as m7i.large`;
  const is = ask(path, aws.ec2.getInstanceType({ instanceType: type }), absent, (found) => {
    const faults: Fault[] = [];
    if (!found.supportedArchitectures.includes("x86_64")) {
      const has = found.supportedArchitectures.join(", ");
      faults.push({ path, fault: `is ${type}, which is ${has}; write an x86-64 type, such as m7i.large` });
    } else if (found.ebsNvmeSupport === "unsupported") {
      // Without NVMe a disk does not show which volume it is.
      faults.push({
        path,
        fault: `is ${type}, which is not of the Nitro generations; write one that is, such as m7i.large`,
      });
    }
    for (const use of uses) {
      const wrong = (key: string, said: number | undefined, real: number, unit: string) => {
        if (said === undefined || said === real) return;
        faults.push({
          path: `${use.path}.${key}`,
          fault: `is ${said}${unit}, but ${type} has ${real}${unit}; write ${real}`,
        });
      };
      wrong("cpus", use.cpus, found.defaultVcpus, "");
      wrong("memory", use.memory, found.memorySize, " MiB");
    }
    return faults;
  });
  const where = { filters: [{ name: "instance-type", values: [type] }], locationType: "availability-zone" };
  const offered = ask(path, aws.ec2.getInstanceTypeOfferings(where), absent, ({ locations }) => {
    // None at all: then there is no such type, which is said already.
    if (locations.length === 0) return [];
    return uses.flatMap((use) =>
      use.zones
        .filter((zone) => !locations.includes(zone))
        .map((zone) => ({
          path: `${use.path}.type`,
          fault: `is ${type}, which is not offered in ${zone}; write another type, or another zone in pgha:aws.zones`,
        })),
    );
  });
  return (await Promise.all([is, offered])).flat();
}
