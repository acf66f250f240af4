import { z } from "zod";
import { clockNames, clocks, type Clock } from "./clocks";
import { invariantFaults } from "./invariants";

const count = (least: number, most: number) => z.number().int().min(least).max(most);
const port = z.number().int().min(1024).max(65535);
const identifier = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, {
  error: "must be a plain SQL identifier: lower-case letters, digits and _, 63 characters at most",
});

const machine = (memory: number, disk: number) =>
  z
    .strictObject({
      /** Virtual CPUs. */
      cpus: count(1, 256).default(1),
      /** Memory in MiB. PostgreSQL's own memory settings are derived from it. */
      memory: count(128, 16_777_216).default(memory),
      /** Size of the root disk in GiB. */
      disk: count(2, 65_536).default(disk),
    })
    .prefault({});

/** A clock by the name of its preset, or a preset with single timings changed. */
const clockOverrides = z.strictObject(
  Object.fromEntries(Object.keys(clocks.fast).map((field) => [field, z.number().int().min(0).optional()])) as Record<
    keyof Clock,
    z.ZodOptional<z.ZodNumber>
  >,
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
    .strictObject({ etcd: machine(256, 4), postgresql: machine(1024, 20), haproxy: machine(256, 4) })
    .prefault({}),
  network: z
    .strictObject({
      /** The cluster's own IPv4 network, at least a /26. */
      cidr: z.string().default("10.88.0.0/24"),
    })
    .prefault({}),
  /** Client ports of the first proxy on 127.0.0.1 of the host. */
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
      parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
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
export type Settings = Omit<z.output<typeof schema>, "name"> & { name: string };

/** One thing wrong with the settings: the key's path (without `pgha:`) and what to write instead. */
export interface Fault {
  path: string;
  fault: string;
}

/** All that is wrong with a stack's settings, in one message that names every key. */
export class SettingsError extends Error {
  constructor(
    stackName: string,
    readonly faults: Fault[],
  ) {
    const lines = faults.map(({ path, fault }) => `  pgha:${path} ${fault}`);
    super(
      `Pulumi.${stackName}.yaml has ${faults.length} fault${faults.length === 1 ? "" : "s"}; nothing was changed:\n` +
        lines.join("\n"),
    );
    this.name = "SettingsError";
  }
}

/**
 * Checks and completes the settings of a stack.
 * @param raw the stack's configuration under `pgha:`, keys without that prefix
 * @throws SettingsError with every fault at once
 */
export function parseSettings(raw: Record<string, unknown>, stack: string): Settings {
  const complete = (data: z.output<typeof schema>): Settings => ({ ...data, name: data.name ?? `pgha-${stack}` });
  const parsed = schema.safeParse(raw, { reportInput: true });
  if (parsed.success) {
    const settings = complete(parsed.data);
    const faults = invariantFaults(settings, stack);
    if (faults.length > 0) throw new SettingsError(stack, faults);
    return settings;
  }
  // With the faulty keys at their defaults, the rest can still be checked: one round of mending should be enough.
  const faults = parsed.error.issues.flatMap(describe);
  const rest = schema.safeParse(without(raw, faults));
  if (rest.success) faults.push(...invariantFaults(complete(rest.data), stack));
  throw new SettingsError(stack, faults);
}

/** A copy of the settings without the keys that are at fault. */
function without(raw: Record<string, unknown>, faults: Fault[]): Record<string, unknown> {
  const copy = { driver: "incus", ...structuredClone(raw) };
  for (const { path } of faults) {
    const steps = path.split(".");
    const last = steps.pop()!;
    const holder = steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], copy);
    if (holder && typeof holder === "object") delete (holder as Record<string, unknown>)[last];
    if (path === "driver") copy.driver = "incus";
  }
  return copy;
}

/** Turns an issue of zod into faults that say what to write. */
function describe(issue: z.core.$ZodIssue): Fault[] {
  const path = issue.path.join(".");
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: [...issue.path, key].join("."),
        fault: `is no setting; known here: ${knownKeys(issue.path).join(", ")}`,
      }));
    case "invalid_type":
      return [{ path, fault: issue.input === undefined ? `is missing; write a ${issue.expected}` : `must be a ${issue.expected}` }];
    case "invalid_value":
      return [{ path, fault: `must be one of: ${issue.values.join(", ")}` }];
    case "too_small":
      return [{ path, fault: `must be ${issue.minimum} or more` }];
    case "too_big":
      return [{ path, fault: `must be ${issue.maximum} or less` }];
    case "invalid_union": {
      // The branch that got furthest says best what is wrong.
      const branches = issue.errors.map((errors) => errors.flatMap((e) => describe({ ...e, path: [...issue.path, ...e.path] })));
      return branches.sort((a, b) => depth(b) - depth(a))[0] ?? [{ path, fault: issue.message }];
    }
    default:
      return [{ path, fault: issue.message }];
  }
}

const depth = (faults: Fault[]) => Math.max(...faults.map(({ path }) => path.split(".").length));

/** Names of the settings that exist at a path. */
function knownKeys(path: PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const step of path) at = shapeOf(at)?.[String(step)];
  return Object.keys(shapeOf(at) ?? {});
}

/** The keys of an object schema, looking through defaults, unions and transforms. */
function shapeOf(type: unknown): Record<string, unknown> | undefined {
  const node = type as { shape?: Record<string, unknown>; def?: { innerType?: unknown; in?: unknown; options?: unknown[] } };
  if (!node) return undefined;
  if (node.shape) return node.shape;
  const inner = [node.def?.innerType, node.def?.in, ...(node.def?.options ?? [])];
  return inner.map((t) => t && shapeOf(t)).find(Boolean) as Record<string, unknown> | undefined;
}
