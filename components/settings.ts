import { z } from "zod";
import { clockNames, clocks, type Clock } from "./clocks";
import { describe, SettingsError, without, type Fault } from "./faults";
import { invariantFaults } from "./invariants";
import { awsSettings, completeAws, instanceType, type AwsSettings } from "./settings-aws";

const count = (least: number, most: number) => z.number().int().min(least).max(most);
const port = z.number().int().min(1024).max(65535);
const identifier = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, {
  error: "must be a plain SQL identifier: lower-case letters, digits and _, 63 characters at most",
});

const machine = (least: number, memory: number, disk: number) =>
  z
    .strictObject({
      /** Virtual CPUs. */
      cpus: count(1, 256).default(1),
      /** Memory in MiB. PostgreSQL's own memory settings are derived from it. */
      memory: count(least, 16_777_216).default(memory),
      /** Size of the root disk in GiB. */
      disk: count(2, 65_536).default(disk),
      /** EC2 instance type, whose own `cpus` and `memory` these must be. With driver aws only, and needed there. */
      type: instanceType.optional(),
    })
    .prefault({});

/** Timings that may be 0: "at once" or "not at all". Everywhere else 0 would mean "never" or be refused by the daemon. */
const mayBeZero = new Set<string>([
  "primaryStartTimeout",
  "restartDelay",
  "hold",
  "pause",
  "witness",
  "witnessArmed",
] satisfies (keyof Clock)[]);
/** Timings that may be a fraction of their unit. */
const mayBeFraction = new Set<string>(["loginRetry"] satisfies (keyof Clock)[]);

/** A clock by the name of its preset, or a preset with single timings changed. */
const clockOverrides = z.strictObject(
  Object.fromEntries(
    Object.keys(clocks.fast).map((field) => [
      field,
      (mayBeFraction.has(field)
        ? z.number().min(0.1)
        : z
            .number()
            .int()
            .min(mayBeZero.has(field) ? 0 : 1)
      ).optional(),
    ]),
  ) as Record<keyof Clock, z.ZodOptional<z.ZodNumber>>,
);
const clock = z
  .union([z.enum(clockNames), clockOverrides.extend({ preset: z.enum(clockNames).default("fast") })])
  .default("fast")
  .transform((value): Clock => {
    if (typeof value === "string") return clocks[value];
    const { preset, ...overrides } = value;
    return { ...clocks[preset], ...overrides };
  });

/** Host ports on which clients reach the first proxy; the second proxy takes the neighbouring ones (see `plan.ts`). */
const devPorts = { write: 5500, read: 5501, stats: 7500, pooled: 6432 };

const schema = z.strictObject({
  /** Name of the cluster: Patroni's scope and the prefix of every machine's name. A DNS label. Default `pgha-STACK`. */
  name: z
    .string()
    .regex(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/, {
      error: "must be a DNS label of at most 40 characters: lower-case letters, digits and -, starting with a letter",
    })
    .optional(),
  /** Where machines come from. `incus`: this machine. `aws`: EC2. */
  driver: z.enum(["incus", "aws"]),
  /** How fast faults are noticed: a preset of `clocks.ts`, or `{preset, ttl, ...}` to change single timings. */
  clock,
  /** How many machines of each role. */
  nodes: z
    .strictObject({ etcd: count(1, 7).default(3), postgresql: count(2, 9).default(3), haproxy: count(1, 9).default(2) })
    .prefault({}),
  /** The size of each role's machines. */
  machines: z
    .strictObject({ etcd: machine(192, 256, 4), postgresql: machine(512, 1024, 20), haproxy: machine(192, 256, 4) })
    .prefault({}),
  network: z
    .strictObject({
      /** The cluster's own IPv4 network: at least a /26, on AWS a /16 to /23. In an existing VPC, that VPC's block. */
      cidr: z.string().default("10.88.0.0/24"),
    })
    .prefault({}),
  /** What only a stack on AWS has. With driver aws only, and needed there. */
  aws: awsSettings.optional(),
  /** Client ports of the first proxy on 127.0.0.1 of the host. With driver incus only. */
  ports: z
    .strictObject({
      write: port.default(devPorts.write),
      read: port.default(devPorts.read),
      stats: port.default(devPorts.stats),
      pooled: port.default(devPorts.pooled),
    })
    .prefault({}),
  /** The application's database, its owner (runs migrations) and its user (reads and writes rows, nothing more). */
  database: z
    .strictObject({
      name: identifier.default("app"),
      owner: identifier.default("app_owner"),
      user: identifier.default("app"),
    })
    .prefault({}),
  postgresql: z
    .strictObject({
      /** PostgreSQL's `max_connections`. */
      maxConnections: count(20, 10_000).default(200),
      /** `quorum`: a commit is acknowledged once a standby has it on disk. `off`: asynchronous, may lose commits. */
      synchronous: z.enum(["quorum", "off"]).default("quorum"),
      /** Refuse writes rather than run without a synchronous standby (`synchronous_mode_strict`). */
      strict: z.boolean().default(true),
      /** Further parameters of postgresql.conf, by their own names. They win over the derived ones. */
      parameters: z
        .record(
          z.string(),
          z.union([z.string(), z.number(), z.boolean()], { error: "must be text, a number, true or false" }),
        )
        .default({}),
    })
    .prefault({}),
  pool: z
    .strictObject({
      /** Client connections one PgBouncer accepts (`max_client_conn`). */
      maxClients: count(1, 100_000).default(1000),
      /** Server connections one PgBouncer opens (`default_pool_size`, `max_db_connections`). */
      size: count(1, 5000).default(50),
      /** PgBouncer's `pool_mode`. */
      mode: z.enum(["transaction", "session"]).default("transaction"),
      /** Prepared statements PgBouncer keeps track of per connection (`max_prepared_statements`). 0: none. */
      preparedStatements: count(0, 10_000).default(200),
    })
    .prefault({}),
  certificates: z
    .strictObject({
      /** Life of a node's certificate, days. */
      validityDays: count(2, 3650).default(365),
      /** A `pulumi up` in this last part of its life renews it, days. */
      renewDays: count(1, 3649).default(335),
    })
    .prefault({}),
  haproxy: z
    .strictObject({
      /** A replica further behind than this gets no reads, MiB of WAL. */
      maxReplicaLag: count(1, 1_048_576).default(16),
    })
    .prefault({}),
});

/** The settings of one stack, complete and checked. */
export type Settings = Omit<z.output<typeof schema>, "name" | "aws"> & { name: string; aws?: AwsSettings };

/** Where a stack's settings are to be used, as far as it is not said among them. */
export interface Surroundings {
  /** Name of the stack. */
  stack: string;
  /** AWS region of Pulumi's own configuration (`aws:region`) or of the environment. @default undefined: neither has one */
  region?: string;
}

/**
 * Checks and completes the settings of a stack.
 * @param raw the stack's configuration under `pgha:`, keys without that prefix
 * @throws SettingsError with every fault at once
 */
export function parseSettings(raw: Record<string, unknown>, { stack, region }: Surroundings): Settings {
  const complete = ({ aws, ...data }: z.output<typeof schema>): Settings => ({
    ...data,
    name: data.name ?? `pgha-${stack}`,
    ...(aws && { aws: completeAws(aws, region, data.network.cidr) }),
  });
  const check = (settings: Settings) => invariantFaults(settings, { stack, region, given: Object.keys(raw) });

  const parsed = schema.safeParse(raw, { reportInput: true });
  if (parsed.success) {
    const settings = complete(parsed.data);
    const faults = check(settings);
    if (faults.length > 0) throw new SettingsError(stack, faults);
    return settings;
  }
  // With the faulty keys at their defaults, the rest can still be checked: one round of mending should be enough.
  const faults = parsed.error.issues.flatMap((issue) => describe(issue, schema));
  const rest = sound({ driver: "incus", ...without(raw, faults) });
  const more = rest ? check(complete(rest)) : [];
  throw new SettingsError(stack, [...faults, ...more.filter((fault) => !faults.some((one) => concerns(one, fault)))]);
}

/** Settings without those sections that still cannot be read, as when a key is at fault that the others there depend on. */
function sound(raw: Record<string, unknown>): z.output<typeof schema> | undefined {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const broken = parsed.error.issues.map(({ path }) => String(path[0])).filter((section) => section in raw);
  return broken.length === 0
    ? undefined
    : sound(
        without(
          raw,
          broken.map((path) => ({ path, fault: "" })),
        ),
      );
}

/** Whether a fault is about what another one is about: its key, or a section of it. */
const concerns = (one: Fault, other: Fault) => one.path === other.path || one.path.startsWith(`${other.path}.`);
