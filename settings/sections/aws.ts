/** The settings under `pgha:aws`: what only machines on EC2 have. What must hold among them is in `aws/invariants.ts`. */
import { z } from "zod";
import { regionOf } from "../aws/region";
import { parseCidr } from "../cidr";
import { instanceType, told, unlessAsked } from "./types";

const cidr = z.string().refine((text) => parseCidr(text) !== undefined, {
  error: ({ input }) => `is '${String(input)}', which is not an IPv4 network; write one like 203.0.113.7/32`,
});
const zone = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d+[a-z]$/, {
  error: ({ input }) =>
    `is '${String(input)}', which is not an availability zone; write its full name, such as us-east-1a`,
});
const id = (kind: string) =>
  z.string().regex(new RegExp(`^${kind}-[0-9a-f]{8,17}$`), {
    error: ({ input }) => `is '${String(input)}'; write an id, ${kind}-0123456789abcdef0`,
  });
const subnet = id("subnet");

/** An existing VPC, with private subnets that reach the internet (NAT). */
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
/** An existing bastion; `from` are the networks the machines see it in. */
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
        error: "must be the bastion's public SSH host key, as printed by `ssh-keyscan`: ssh-ed25519 AAAA...",
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
  zones: z
    .array(zone)
    .default([])
    .meta(
      told(
        "two to four availability zones of the region by their full names. Nodes of a role take them in turn, so with three " +
          "zones the loss of one takes one etcd member and one database node. With two, it can take two of three etcd " +
          "members, and with them the cluster until the zone is back.",
        {
          example: "[us-east-1a, us-east-1b, us-east-1c]",
          otherwise: "must be written",
          change:
            unlessAsked("nodes whose zone is another one are replaced, and their volumes with the data") +
            ". Zones come and go at the end of the list. When one goes, the load balancer is replaced: it has another name then",
        },
      ),
    ),
  image: id("ami")
    .optional()
    .meta(
      told("machine image for machines that are made. `npx pgha image --stack STACK` writes it.", {
        example: "ami-0123456789abcdef0",
        otherwise: "the newest official Debian 13 at that time",
      }),
    ),
  vpc: vpc.optional().meta(
    told("an existing VPC: `{id, nodes, clients, firstHost}`, see below.", {
      otherwise: "the stack makes one in `network.cidr`",
      change:
        unlessAsked("every machine whose subnet or address is another one is replaced") +
        "; another VPC is always refused",
      whole: true,
    }),
  ),
  natPerZone: z
    .boolean()
    .default(false)
    .meta(
      told(
        "one NAT gateway per zone; else one for all, in the first zone, which is then needed to reach the internet.",
        { cost: "by the hour and by traffic for each" },
      ),
    ),
  clients: z
    .array(cidr)
    .max(50)
    .optional()
    .meta(
      told("networks that may connect to 5000, 5001 and 6432. Must be written out when `public`.", {
        example: "[10.20.0.0/16]",
        otherwise: "`[network.cidr]`",
      }),
    ),
  public: z
    .boolean()
    .default(false)
    .meta(told("give the endpoint public addresses.", { cost: "by the hour for each" })),
  dns: z
    .string()
    .regex(/^(?=.{1,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, {
      error: "must be a domain name in lower case, such as pgha.internal",
    })
    .optional()
    .meta(
      told("private DNS zone to make: clients then use `db.ZONE`, and the certificates hold for that name.", {
        example: "pgha.internal",
      }),
    ),
  bastion: bastion.meta(
    told(
      "the way in by SSH, for `pulumi up`, too. `allow` are the networks that may log in; it must name some, and not everybody. " +
        "Or an existing bastion: `{host, port, user, hostKey, from}`.",
      { example: "{allow: [203.0.113.7/32]}", otherwise: "`{type: t3.micro, allow: []}`", whole: true },
    ),
  ),
  volume: z
    .strictObject({
      size: z
        .number()
        .int()
        .min(4)
        .max(16_384)
        .default(100)
        .meta(told("PostgreSQL's data volume (gp3) in GiB. Grows by a later `up`; never shrinks.", { cost: "by GiB" })),
      iops: z
        .number()
        .int()
        .min(3000)
        .max(16_000)
        .default(3000)
        .meta(told("its operations per second, up to 500 per GiB.", { cost: "what is above 3000" })),
      throughput: z
        .number()
        .int()
        .min(125)
        .max(1000)
        .default(125)
        .meta(told("its MiB per second, up to a quarter of `iops`.", { cost: "what is above 125" })),
    })
    .prefault({}),
  protect: z
    .boolean()
    .default(false)
    .meta(
      told(
        "nothing that holds data or serves clients can be deleted, in Pulumi or in the console, until this is `false` again.",
      ),
    ),
  kmsKey: z
    .string()
    .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, {
      error: "must be the ARN of a key (not of an alias): arn:aws:kms:REGION:ACCOUNT:key/ID",
    })
    .optional()
    .meta(
      told(
        "ARN of the KMS key that encrypts the disks. Its own policy must let the deployer use it: [Rights](aws.md#rights).",
        {
          example: "arn:aws:kms:us-east-1:123456789012:key/ID",
          otherwise: "the account's own for EBS",
          change: unlessAsked("every machine and every volume is replaced, and the data is gone"),
        },
      ),
    ),
  permissionsBoundary: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:policy\/[\w+=,.@/-]+$/, {
      error: "must be the ARN of a policy: arn:aws:iam::ACCOUNT:policy/NAME",
    })
    .optional()
    .meta(
      told(
        "ARN of the policy that bounds the machines' roles, whatever else they say. The deployer's policies want one: " +
          "[Rights](aws.md#rights).",
        { example: "arn:aws:iam::123456789012:policy/NAME" },
      ),
    ),
  tags: z
    .record(
      z.string().regex(/^(?!aws:|pgha:|Name$)[\w .:/=+@-]{1,128}$/i, {
        error: "is not a tag that you can set; Name and names that begin with aws: or pgha: are taken",
      }),
      // EC2 would take more. IAM, SSM and the load balancer do not, and would refuse it once the network is made.
      z.string().regex(/^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+@-]{0,256}$/iu, {
        error:
          "must be a value that every service of AWS takes: at most 256 letters, digits, spaces and _ . : / = + - @, and not " +
          "beginning with aws:",
      }),
    )
    .default({})
    .meta(
      told("further tags of everything. Names and values of letters, digits, spaces and `_ . : / = + - @`.", {
        example: "{team: data}",
      }),
    ),
  ssmEndpoint: z
    .string()
    .regex(/^https?:\/\/[^\s/]{1,120}$/, {
      error: "must be a URL without a path, of at most 120 characters: https://ssm.us-east-1.amazonaws.com",
    })
    .optional()
    .meta(told("URL at which machines reach SSM.", { otherwise: "the region's own" })),
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
