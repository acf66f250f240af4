import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { regionIn } from "./aws/region";
import { SettingsError } from "./faults";
import { parseSettings } from "./parse";
import type { Settings } from "./schema";

const prefix = "pgha:";

/** Key of the secret that is not a setting: the private SSH key for an existing bastion. Only the program itself reads it. */
export const bastionKey = "bastionKey";

/**
 * The settings among a stack's whole configuration, as Pulumi hands it to the program: one string per key, objects as JSON.
 * The region is Pulumi's own `aws:region`, else that of the environment.
 * @throws SettingsError with every fault at once
 */
export function settingsFromConfig(config: Record<string, string>, stack: string): Settings {
  return parseSettings(pick(config, fromText), { stack, region: regionIn(config["aws:region"]) });
}

/**
 * The settings in `Pulumi.<stack>.yaml`, for scripts that run outside Pulumi.
 * @param folder where the file is
 * @throws SettingsError with every fault at once; Error when there is no such file or it is not YAML
 */
export function settingsFromFile(folder: string, stack: string): Settings {
  const file = join(folder, `Pulumi.${stack}.yaml`);
  if (!existsSync(file))
    throw new Error(`There is no Pulumi.${stack}.yaml. Copy Pulumi.dev.yaml to it and change what differs.`);
  let document: unknown;
  try {
    document = parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`Pulumi.${stack}.yaml is not YAML: ${(error as Error).message}`);
  }
  const config = (document as { config?: unknown } | null)?.config;
  if (!config || typeof config !== "object")
    throw new SettingsError(stack, [{ path: "driver", fault: "is missing; write incus" }]);
  const values = config as Record<string, unknown>;
  const encrypted = Object.keys(settingsIn(values)).filter((key) => isEncrypted(values[prefix + key]));
  if (encrypted.length > 0) {
    const fault = `is encrypted, but only ${bastionKey} is a secret; write it in plain text`;
    throw new SettingsError(
      stack,
      encrypted.map((path) => ({ path, fault })),
    );
  }
  return parseSettings(
    pick(values, (value) => (typeof value === "string" ? fromText(value) : value)),
    { stack, region: regionIn(values["aws:region"]) },
  );
}

/** As Pulumi writes a value that was set with `--secret`. */
const isEncrypted = (value: unknown) => typeof value === "object" && value !== null && "secure" in value;

/** The `pgha:` keys that are settings, without that prefix. */
const settingsIn = <T>(config: Record<string, T>): Record<string, T> =>
  Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith(prefix) && key !== prefix + bastionKey)
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );

const pick = <T>(config: Record<string, T>, read: (value: T) => unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries(settingsIn(config)).map(([key, value]) => [key, read(value)]));

/** Objects, numbers and booleans arrive as JSON; everything else is the text itself. */
function fromText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
