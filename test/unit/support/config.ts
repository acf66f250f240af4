import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** A stack's configuration as Pulumi hands it to a program: text as it is, everything else as JSON. */
export function asConfig(config: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

/** The committed configuration of a stack, as Pulumi hands it to the program. */
export function stackConfig(stack: string): Record<string, string> {
  const text = readFileSync(join(__dirname, "../../..", `Pulumi.${stack}.yaml`), "utf8");
  return asConfig((parse(text) as { config: Record<string, unknown> }).config);
}
