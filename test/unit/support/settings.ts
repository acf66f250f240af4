import { makePlan, type Plan } from "../../../settings/plan";
import { SettingsError, type Fault } from "../../../settings/faults";
import { parseSettings } from "../../../settings/parse";
import type { Settings, Surroundings } from "../../../settings/schema";

type Raw = Record<string, unknown>;

/** Settings of a stack `dev` in which only what is given differs from the defaults. */
export const settings = (raw: Raw = {}, stack = "dev"): Settings =>
  parseSettings({ driver: "incus", ...raw }, { stack });

/** The plan of such settings. */
export const plan = (raw: Raw = {}): Plan => makePlan(settings(raw));

/** The least that a stack on AWS says. */
export const leastAws: Raw = {
  driver: "aws",
  network: { cidr: "10.100.0.0/20" },
  machines: {
    etcd: { type: "t3.small", cpus: 2, memory: 2048 },
    postgresql: { type: "m7i.large", cpus: 2, memory: 8192 },
    haproxy: { type: "t3.small", cpus: 2, memory: 2048 },
  },
  aws: { zones: ["us-east-1a", "us-east-1b", "us-east-1c"], bastion: { allow: ["203.0.113.0/24"] } },
};

/** Settings of a stack `staging` on AWS: the least, sections of it with what is given in them. */
export const settingsOnAws = (raw: Raw = {}): Settings =>
  parseSettings(onAws(raw), { stack: "staging", region: "us-east-1" });

/** The plan of such settings. */
export const planOnAws = (raw: Raw = {}): Plan => makePlan(settingsOnAws(raw));

const isSection = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The least that a stack on AWS says, with what is given in its place or added to its sections. */
export function onAws(raw: Raw, least: Raw = leastAws): Raw {
  const merged = Object.entries(raw).map(([key, value]) => {
    const base = least[key];
    return [key, isSection(value) && isSection(base) ? onAws(value, base) : value];
  });
  return { ...least, ...Object.fromEntries(merged) };
}

/** The error that the settings, taken as they are, are refused with. */
export function refusal(raw: Raw, around: Surroundings = { stack: "dev" }): SettingsError {
  try {
    parseSettings(raw, around);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(raw)}`);
}

/** The faults of settings in which only what is given differs from the defaults. */
export const faultsOf = (raw: Raw, stack = "dev"): Fault[] => refusal({ driver: "incus", ...raw }, { stack }).faults;
