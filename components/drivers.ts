import type { MakeDriver } from "./driver";
import { SettingsError } from "../settings/faults";
import { IncusDriver } from "./incus/driver";
import type { Settings } from "../settings/schema";

/* eslint-disable @typescript-eslint/no-require-imports -- an import of what is loaded late would need a loader for modules, which
   the npm scripts do without: it takes them longer to start. */
const awsPreflight = () => require("./aws/preflight") as typeof import("./aws/preflight");
const awsDriver = () => require("./aws/driver") as typeof import("./aws/driver");
/* eslint-enable */

/**
 * The driver of a stack. That of AWS is loaded when it is needed: a stack on this host has no use for the SDK, which takes a second
 * to load. For AWS the settings are first checked against what exists, so that a refusal comes before anything is declared.
 * @throws SettingsError with every fault at once
 */
export async function driverFor(settings: Settings, stack: string): Promise<MakeDriver> {
  switch (settings.driver) {
    case "incus":
      return (name, args, parent) => new IncusDriver(name, args, parent);
    case "aws": {
      const faults = await awsPreflight().preflight(settings);
      if (faults.length > 0) throw new SettingsError(stack, faults);
      const { AwsDriver } = awsDriver();
      return (name, args, parent) => new AwsDriver(`${name}-aws`, args, { parent });
    }
  }
}
