/** The settings under `pgha:aws`: what only machines on EC2 have. What must hold among them is in `invariants-aws.ts`. */
import { z } from "zod";
import { regionOf } from "./aws/region";
import { parseCidr } from "./cidr";

const cidr = z.string().refine((text) => parseCidr(text) !== undefined, {
  error: ({ input }) => `is '${String(input)}', which is no IPv4 network; write one like 203.0.113.7/32`,
});
const zone = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d+[a-z]$/, {
  error: ({ input }) => `is '${String(input)}', which is no availability zone; write its full name, as us-east-1a`,
});
const id = (kind: string) =>
  z.string().regex(new RegExp(`^${kind}-[0-9a-f]{8,17}$`), {
    error: ({ input }) => `is '${String(input)}'; write an id, ${kind}-0123456789abcdef0`,
  });
const subnet = id("subnet");

/** Name of an EC2 instance type, "m7i.large". */
export const instanceType = z.string().regex(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, {
  error: ({ input }) => `is '${String(input)}', which is no EC2 instance type; write one like m7i.large`,
});

/** A VPC that is there already, with private subnets that reach the internet (NAT). */
const vpc = z.strictObject({
  /** Its id. */
  id: id("vpc"),
  /** For each zone the private subnet of the cluster's machines and its block. */
  nodes: z.record(zone, z.strictObject({ subnet, cidr })),
  /** For each zone the subnet in which the load balancer has its address. @default those of `nodes` */
  clients: z.record(zone, subnet).optional(),
  /** First host number in each subnet that pgha may use: it takes 27 in a row, reserved for it by whoever owns the VPC. */
  firstHost: z.number().int().min(4).max(65_000).default(4),
});

/** What still lacks a default that depends on other settings. */
type Unfinished<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

/** A bastion of the cluster's own: its instance type, and which networks may log in to it. */
type OwnBastion = { type: string; allow: string[] };
/** A bastion that is there already; `from` are the networks the machines see it in. */
type ExistingBastion = { host: string; port: number; user: string; hostKey: string; from: string[] };

const bastion = z
  .strictObject({
    type: instanceType.optional(),
    allow: z.array(cidr).max(50).optional(),
    host: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/, { error: "must be a host name or an IPv4 address" })
      .optional(),
    port: z.number().int().min(1).max(65535).optional(),
    user: z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: "must be a user name of the bastion" })
      .optional(),
    hostKey: z
      .string()
      .regex(/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) AAAA[A-Za-z0-9+/]+=*$/, {
        error: "must be the bastion's public SSH host key, as `ssh-keyscan` shows it: ssh-ed25519 AAAA...",
      })
      .optional(),
    from: z.array(cidr).max(50).optional(),
  })
  .prefault({})
  .superRefine((value, context) => {
    const { type, allow, host, port, user, hostKey, from } = value;
    const fault = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
    if ([host, port, user, hostKey, from].every((field) => field === undefined)) return;
    if (host === undefined) fault("host", "is missing; write the existing bastion's name or address");
    if (user === undefined) fault("user", "is missing; write the user to log in as");
    if (hostKey === undefined)
      fault("hostKey", "is missing; write the bastion's public SSH host key, ssh-ed25519 AAAA...");
    if (type !== undefined)
      fault("type", "is for a bastion of pgha's own, but `host` names an existing one; remove one");
    if (allow !== undefined)
      fault("allow", "is for a bastion of pgha's own, but `host` names an existing one; remove one");
  })
  .transform(({ type, allow, host, port, user, hostKey, from }): OwnBastion | Unfinished<ExistingBastion, "from"> =>
    host === undefined
      ? { type: type ?? "t3.micro", allow: allow ?? [] }
      : { host, port: port ?? 22, user: user!, hostKey: hostKey!, from },
  );

export const awsSettings = z.strictObject({
  /** Availability zones by their full names, 2 to 4 of one region. Nodes take them in turn: a later change moves nodes. */
  zones: z.array(zone).default([]),
  /** Machine image, "ami-...", used when a machine is made. @default the newest official Debian 13 for amd64 at that time */
  image: id("ami").optional(),
  /** An existing VPC to be in. @default undefined: one of its own in `network.cidr` */
  vpc: vpc.optional(),
  /** Whether each zone has a NAT gateway of its own. Else all share one, whose zone is then needed to reach the internet. */
  natPerZone: z.boolean().default(false),
  /** Networks that may connect to the client ports. @default `network.cidr` */
  clients: z.array(cidr).max(50).optional(),
  /** Whether the endpoint has public addresses. */
  public: z.boolean().default(false),
  /** Private DNS zone to make, "pgha.internal": clients use db.pgha.internal. @default undefined: none */
  dns: z
    .string()
    .regex(/^(?=.{1,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, {
      error: "must be a domain name in lower case, as pgha.internal",
    })
    .optional(),
  /** The way in by SSH: `{type, allow}` for one of the cluster's own, `{host, port, user, hostKey, from}` for an existing one. */
  bastion,
  /** The gp3 volume with PostgreSQL's data. */
  volume: z
    .strictObject({
      /** GiB. Grows by a later `up`; never shrinks. */
      size: z.number().int().min(4).max(16_384).default(100),
      /** Operations per second. */
      iops: z.number().int().min(3000).max(16_000).default(3000),
      /** MiB per second. */
      throughput: z.number().int().min(125).max(1000).default(125),
    })
    .prefault({}),
  /** Refuse to delete the machines, the endpoint and above all the data, until this is false again. */
  protect: z.boolean().default(false),
  /** ARN of the KMS key that encrypts the disks. @default undefined: the account's own key for EBS (`aws/ebs`) */
  kmsKey: z
    .string()
    .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, {
      error: "must be the ARN of a key (not of an alias): arn:aws:kms:REGION:ACCOUNT:key/ID",
    })
    .optional(),
  /** Further tags of everything that is made. */
  tags: z
    .record(
      z.string().regex(/^(?!aws:|pgha:|Name$)[\w .:/=+@-]{1,128}$/i, {
        error: "is no tag that can be set; Name and names that begin with aws: or pgha: are taken",
      }),
      z.string().max(256),
    )
    .default({}),
  /** URL at which machines reach SSM. @default undefined: the region's own */
  ssmEndpoint: z
    .string()
    .regex(/^https?:\/\/[^\s/]+$/, { error: "must be a URL without a path: https://ssm.us-east-1.amazonaws.com" })
    .optional(),
});

/** The settings of a stack on AWS, complete. */
export type AwsSettings = Omit<z.output<typeof awsSettings>, "clients" | "bastion"> & {
  /** The region of the zones: `aws:region`, or the environment's. */
  region: string;
  clients: string[];
  bastion: OwnBastion | ExistingBastion;
};

/**
 * Fills in what depends on other settings.
 * @param region as configured; undefined when it is not, which is a fault: then that of the zones
 * @param network the cluster's own
 */
export function completeAws(
  aws: z.output<typeof awsSettings>,
  region: string | undefined,
  network: string,
): AwsSettings {
  const { bastion, clients } = aws;
  return {
    ...aws,
    region: region ?? regionOf(aws.zones[0] ?? ""),
    // Who may come in from outside must be written out.
    clients: clients ?? (aws.public ? [] : [network]),
    bastion: "host" in bastion ? { ...bastion, from: bastion.from ?? [network] } : bastion,
  };
}
