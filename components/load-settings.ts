import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { SettingsError } from "./faults";
import { parseSettings, type Settings } from "./settings";

const prefix = "pgha:";

/**
 * The settings among a stack's whole configuration, as Pulumi hands it to the program: one string per key, objects as JSON.
 * @throws SettingsError with every fault at once
 */
export function settingsFromConfig(config: Record<string, string>, stack: string): Settings {
  return parseSettings(pick(config, fromText), stack);
}

/**
 * The settings in `Pulumi.<stack>.yaml`, for scripts that run outside Pulumi.
 * @param folder where the file is
 * @throws SettingsError with every fault at once; Error when there is no such file or it is no YAML
 */
export function settingsFromFile(folder: string, stack: string): Settings {
  const file = join(folder, `Pulumi.${stack}.yaml`);
  if (!existsSync(file))
    throw new Error(`There is no Pulumi.${stack}.yaml. Copy Pulumi.dev.yaml to it and change what differs.`);
  let document: unknown;
  try {
    document = parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`Pulumi.${stack}.yaml is no YAML: ${(error as Error).message}`);
  }
  const config = (document as { config?: unknown } | null)?.config;
  if (!config || typeof config !== "object")
    throw new SettingsError(stack, [{ path: "driver", fault: "is missing; write incus" }]);
  return parseSettings(
    pick(config as Record<string, unknown>, (value) => (typeof value === "string" ? fromText(value) : value)),
    stack,
  );
}

function pick<T>(config: Record<string, T>, read: (value: T) => unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), read(value)]),
  );
}

/** Objects, numbers and booleans arrive as JSON; everything else is the text itself. */
function fromText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
