import type { MakeDriver } from "./driver";
import { SettingsError } from "./faults";
import type { Settings } from "./settings";

/**
 * The driver of a stack, loaded when it is needed: a stack on this host has no use for the SDK of AWS, which takes a second
 * to load. For AWS the settings are first held against what is there, so that a refusal comes before anything is declared.
 * @throws SettingsError with every fault at once
 */
export async function driverFor(settings: Settings, stack: string): Promise<MakeDriver> {
  switch (settings.driver) {
    case "incus": {
      const { IncusDriver } = await import("./incus/driver");
      return (name, args, parent) => new IncusDriver(name, args, parent);
    }
    case "aws": {
      const { preflight } = await import("./aws/preflight");
      const faults = await preflight(settings);
      if (faults.length > 0) throw new SettingsError(stack, faults);
      const { AwsDriver } = await import("./aws/driver");
      return (name, args, parent) => new AwsDriver(`${name}-aws`, args, { parent });
    }
  }
}
