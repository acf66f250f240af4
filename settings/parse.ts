/** From what stands in a stack's configuration to complete settings, or to every fault in it. */
import type { z } from "zod";
import { completeAws } from "./sections/aws";
import { describe, SettingsError, without, type Fault } from "./faults";
import { invariantFaults } from "./invariants";
import { schema, type Settings, type Surroundings } from "./schema";

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
  // With the faulty keys at their defaults, the rest can still be checked: one round of fixes should be enough.
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
