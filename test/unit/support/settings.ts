import { makePlan, type Plan } from "../../../components/plan";
import { SettingsError, type Fault } from "../../../components/faults";
import { parseSettings, type Settings } from "../../../components/settings";

type Raw = Record<string, unknown>;

/** Settings of a stack `dev` in which only what is given differs from the defaults. */
export const settings = (raw: Raw = {}, stack = "dev"): Settings => parseSettings({ driver: "incus", ...raw }, stack);

/** The plan of such settings. */
export const plan = (raw: Raw = {}): Plan => makePlan(settings(raw));

/** The error that the settings, taken as they are, are refused with. */
export function refusal(raw: Raw, stack = "dev"): SettingsError {
  try {
    parseSettings(raw, stack);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(raw)}`);
}

/** The faults of settings in which only what is given differs from the defaults. */
export const faultsOf = (raw: Raw, stack?: string): Fault[] => refusal({ driver: "incus", ...raw }, stack).faults;
