// Settings of the provider. The engine hands all but text over as JSON, whether they come from `pulumi config` or from a program.
import { failures, planned } from "./check";
import type { Failure, Plugin, Property } from "./plugin";
import { isSecret, isUnknown, plain, type Value, type Values } from "./wire";

/** Not of the provider itself, but about where its plugin comes from. */
const aboutPlugin = ["version", "pluginDownloadURL"];

/** The settings as the plugin declares them, and every fault at once. */
export function settingsOf(plugin: Plugin, given: Values): { settings: Values; failures: Failure[] } {
  const type = { inputs: plugin.config ?? {} };
  const own = Object.entries(given).filter(([key]) => !aboutPlugin.includes(key) && !key.startsWith("__"));
  const decoded = Object.fromEntries(own.map(([key, value]) => [key, decode(type.inputs[key], value)]));
  return {
    settings: planned(type, decoded),
    failures: failures(type, `the provider ${plugin.name}`, decoded),
  };
}

function decode(property: Property | undefined, value: Value): Value {
  const text = isSecret(value) ? plain(value) : value;
  if (typeof text !== "string" || !property || property.type === "string" || isUnknown(text)) return text;
  try {
    return JSON.parse(text) as Value;
  } catch {
    return text; // the check says what it must be
  }
}
