// Settings of the provider: those with which one reaches a cloud that speaks AWS' interfaces but is not AWS.
import type { Properties } from "../lib/plugin";
import { isObject, type Value, type Values } from "../lib/wire";

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

/** The services in use, by the names they have in the provider's `endpoints`. */
export const services = ["ec2", "elbv2", "iam", "route53", "ssm", "sts"] as const;
export type Service = (typeof services)[number];

export const providerSettings: Properties = {
  region: text,
  accessKey: { type: "string", secret: true },
  secretKey: { type: "string", secret: true },
  endpoints: {
    type: "list",
    items: { type: "object", fields: Object.fromEntries(services.map((name) => [name, text])) },
  },
  defaultTags: { type: "object", fields: { tags: { type: "map", items: text } } },
  // What the real plugin asks of AWS before it begins; the stand-in asks none of it.
  skipCredentialsValidation: flag,
  skipMetadataApiCheck: flag,
  skipRegionValidation: flag,
  skipRequestingAccountId: flag,
};

export interface ProviderSettings {
  region: string;
  accessKey: string;
  secretKey: string;
  endpoints: Partial<Record<Service, string>>;
  defaultTags: Record<string, string>;
}

/** @throws Error naming what is missing */
export function readSettings(given: Values): ProviderSettings {
  const missing = ["region", "accessKey", "secretKey", "endpoints"].filter((key) => given[key] === undefined);
  if (missing.length > 0) {
    throw new Error(
      `the stand-in plugin "aws" is for rehearsals and never calls AWS itself: it needs ${missing.map((key) => `aws:${key}`).join(", ")}. ` +
        "For AWS install the real plugin (pulumi plugin install resource aws) where it can be downloaded.",
    );
  }
  const endpoints = Object.assign({}, ...(given.endpoints as Values[])) as ProviderSettings["endpoints"];
  const tags = isObject(given.defaultTags) ? given.defaultTags.tags : undefined;
  return {
    region: String(given.region),
    accessKey: String(given.accessKey),
    secretKey: String(given.secretKey),
    endpoints,
    defaultTags: (tags ?? {}) as Record<string, string> & Value,
  };
}
