/** The settings of a committed stack, fitted to this machine. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { checkoutRoot } from "../../ops/env";
import { gatewayOf } from "../../simulator/cloud/bridge";
import { operator } from "../../simulator/cloud/clients";
import type { Cloud } from "../../simulator/cloud/cloud";
import { account } from "../../simulator/cloud/iam/authorization";
import { services } from "../../simulator/plugins/aws/settings";
import type { RawSettings } from "../../simulator/stack";

/** The stacks whose files there are. */
export type Stack = "staging" | "prod";

/** Block of the VPC. */
export const cidr = "10.94.0.0/22";

/** Sizes that fit a laptop; the numbers are those of the types. */
const machines = {
  etcd: { type: "t3.nano", cpus: 2, memory: 512, disk: 8 },
  postgresql: { type: "t3.medium", cpus: 2, memory: 4096, disk: 8 },
  haproxy: { type: "t3.nano", cpus: 2, memory: 512, disk: 8 },
};

/** Settings of a committed stack, and those of its provider. */
export function committed(name: Stack): { settings: RawSettings; providers: RawSettings } {
  const text = readFileSync(join(checkoutRoot, `Pulumi.${name}.yaml`), "utf8");
  const { config } = parse(text) as { config: RawSettings };
  const ours = Object.entries(config).filter(([key]) => key.startsWith("pgha:"));
  return {
    settings: Object.fromEntries(ours.map(([key, value]) => [key.slice("pgha:".length), value])),
    providers: Object.fromEntries(Object.entries(config).filter(([key]) => key.startsWith("aws:"))),
  };
}

/** The settings with a name, addresses and sizes for this machine. */
export function fitted(settings: RawSettings, cloud: Cloud): RawSettings {
  const aws = settings.aws as RawSettings;
  const pool = (settings.pool ?? {}) as { maxClients?: number };
  const volume = { iops: 3000, ...(aws.volume as RawSettings) };
  return {
    ...settings,
    name: "pgha-rehearse",
    network: { cidr },
    machines,
    // As many as let HAProxy stay within the open files that a container may have everywhere.
    pool: { ...pool, maxClients: Math.min(pool.maxClients ?? 1000, 3000) },
    aws: {
      ...aws,
      bastion: { type: "t3.nano", allow: [`${gatewayOf(cidr)}/32`] },
      // As small as AWS allows with this many operations per second.
      volume: { ...volume, size: Math.max(4, Math.ceil(volume.iops / 500)) },
      dns: "pgha.internal",
      permissionsBoundary: `arn:aws:iam::${account}:policy/pgha-rehearse-node-boundary`,
      ssmEndpoint: cloud.insideEndpoint,
    },
  };
}

/** How a provider is told of a cloud that is not AWS; as for any other one with AWS' interfaces. */
export const providerSettings = (given: RawSettings, cloud: Cloud): RawSettings => ({
  ...given,
  "aws:accessKey": operator.accessKey,
  "aws:secretKey": operator.secretKey,
  "aws:skipCredentialsValidation": true,
  "aws:skipMetadataApiCheck": true,
  "aws:skipRequestingAccountId": true,
  "aws:endpoints": [Object.fromEntries(services.map((name) => [name, cloud.endpoint]))],
});
