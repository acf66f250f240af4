// The AWS SDK's clients for the endpoints of the provider's settings. Each is loaded when it is first used: they are large.
import { createRequire } from "node:module";
import type { EC2 } from "@aws-sdk/client-ec2";
import type { ElasticLoadBalancingV2 } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { IAM } from "@aws-sdk/client-iam";
import type { Route53 } from "@aws-sdk/client-route-53";
import type { SSM } from "@aws-sdk/client-ssm";
import type { STS } from "@aws-sdk/client-sts";
import { setTimeout as pause } from "node:timers/promises";
import type { ProviderSettings, Service } from "./settings";

const load = createRequire(__filename);

interface Clients {
  ec2: EC2;
  elbv2: ElasticLoadBalancingV2;
  iam: IAM;
  route53: Route53;
  ssm: SSM;
  sts: STS;
}

const sources: Record<Service, [module: string, name: string]> = {
  ec2: ["@aws-sdk/client-ec2", "EC2"],
  elbv2: ["@aws-sdk/client-elastic-load-balancing-v2", "ElasticLoadBalancingV2"],
  iam: ["@aws-sdk/client-iam", "IAM"],
  route53: ["@aws-sdk/client-route-53", "Route53"],
  ssm: ["@aws-sdk/client-ssm", "SSM"],
  sts: ["@aws-sdk/client-sts", "STS"],
};

let settings: ProviderSettings | undefined;
const clients: Partial<Clients> = {};

/** Takes the provider's settings; before that no client can be had. */
export function use(given: ProviderSettings): void {
  settings = given;
}

/** The provider's settings. */
export function provider(): ProviderSettings {
  if (!settings) throw new Error("the provider aws was not configured");
  return settings;
}

function client<S extends Service>(service: S): Clients[S] {
  const made = clients[service];
  if (made) return made;
  const { region, accessKey, secretKey, endpoints } = provider();
  const endpoint = endpoints[service];
  if (!endpoint) throw new Error(`the stand-in plugin "aws" needs aws:endpoints with one for ${service}`);
  const [module, name] = sources[service];
  const Client = (load(module) as Record<string, new (config: object) => Clients[S]>)[name]!;
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const created = new Client({ endpoint, region, credentials });
  clients[service] = created;
  return created;
}

export const ec2 = (): EC2 => client("ec2");
export const elb = (): ElasticLoadBalancingV2 => client("elbv2");
export const iam = (): IAM => client("iam");
export const route53 = (): Route53 => client("route53");
export const ssm = (): SSM => client("ssm");
export const sts = (): STS => client("sts");

/** Whether AWS says that what was asked for does not exist. */
export const isGone = (error: unknown): boolean =>
  error instanceof Error && /NotFound|NoSuchEntity|NoSuchHostedZone|\.Unknown$/.test(error.name);

/** What was found, or undefined where AWS says that there is none. */
export async function found<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Does away with something that may be gone already. */
export async function gone(asked: Promise<unknown>): Promise<void> {
  await found(asked);
}

/** Asks until the answer is there. @throws Error naming what was awaited, when the signal ends it or time is over */
export async function becomes(
  what: string,
  ask: () => Promise<boolean>,
  { signal, seconds = 300 }: { signal: AbortSignal; seconds?: number },
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await ask())) {
    signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`);
    await pause(250, undefined, { signal });
  }
}

/** What AWS says of what something else still needs, or has not heard of yet. */
const tooEarly = /^(DependencyViolation|VolumeInUse|ResourceInUse|DeleteConflict)/;

/** Seconds for which a call is tried again. The real plugin does it for 2 to 20 minutes. */
const patience = 20;

/** Tries again while AWS says that it is too early, as the real plugin does. @param early whether an error says that */
export async function inTime<T>(
  attempt: () => Promise<T>,
  { signal }: { signal: AbortSignal },
  early: (error: Error) => boolean = ({ name }) => tooEarly.test(name),
): Promise<T> {
  const deadline = Date.now() + patience * 1000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!early(error as Error) || Date.now() > deadline) throw error;
    }
    await pause(250, undefined, { signal });
  }
}
