import { z } from "zod";

/** One thing wrong with the settings: the key's path (without `pgha:`, others in full: `aws:region`) and what to write instead. */
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
    const lines = faults.map(({ path, fault }) => `  ${path.startsWith("aws:") ? path : `pgha:${path}`} ${fault}`);
    super(
      `Pulumi.${stackName}.yaml has ${faults.length} fault${faults.length === 1 ? "" : "s"}; nothing was changed:\n` +
        lines.join("\n"),
    );
    this.name = "SettingsError";
  }
}

/** A copy of the settings without the keys that are at fault. */
export function without(raw: Record<string, unknown>, faults: Fault[]): Record<string, unknown> {
  const copy = structuredClone(raw);
  for (const { path } of faults) remove(copy, path);
  return copy;
}

/** Deletes what is at a path; a key may itself hold dots (parameters of extensions do). */
function remove(holder: Record<string, unknown>, path: string): void {
  delete holder[path];
  for (const [key, value] of Object.entries(holder)) {
    if (path.startsWith(`${key}.`) && value && typeof value === "object") {
      remove(value as Record<string, unknown>, path.slice(key.length + 1));
    }
  }
}

/** Turns an issue of zod into faults that say what to write. */
export function describe(issue: z.core.$ZodIssue, schema: z.ZodType): Fault[] {
  const path = issue.path.join(".");
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const [section, ...inner] = key.split(".");
        const dotted = inner.length > 0 && knownKeys(schema, issue.path).includes(section!);
        const advice = dotted
          ? `write it as ${section}: {${inner.join(".")}: ...}`
          : `known here: ${knownKeys(schema, issue.path).join(", ")}`;
        return { path: [...issue.path, key].join("."), fault: `is not a setting; ${advice}` };
      });
    case "invalid_type": {
      const wanted = kinds[issue.expected] ?? issue.expected;
      return [{ path, fault: issue.input === undefined ? `is missing; write ${wanted}` : `must be ${wanted}` }];
    }
    case "invalid_value":
      return [{ path, fault: `must be one of: ${issue.values.join(", ")}` }];
    case "too_small":
      return [{ path, fault: `must be ${issue.minimum} or more` }];
    case "too_big":
      return [{ path, fault: `must be ${issue.maximum} or less` }];
    case "invalid_key":
      return issue.issues.map(({ message }) => ({ path, fault: message }));
    case "invalid_union": {
      // The branch that got furthest says best what is wrong.
      const branches = issue.errors.map((errors) =>
        errors.flatMap((e) => describe({ ...e, path: [...issue.path, ...e.path] }, schema)),
      );
      return issue.message.startsWith("must") ? [{ path, fault: issue.message }] : deepest(branches);
    }
    default:
      return [{ path, fault: issue.message }];
  }
}

/** Types as a person would call them. */
const kinds: Record<string, string> = {
  int: "a whole number",
  number: "a whole number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  object: "a section of keys and values",
  record: "a section of keys and values",
};

const deepest = (branches: Fault[][]): Fault[] => branches.sort((a, b) => depth(b) - depth(a))[0] ?? [];

const depth = (faults: Fault[]) => Math.max(...faults.map(({ path }) => path.split(".").length));

/** A node of the JSON schema of the settings. */
type Node = z.core.JSONSchema.BaseSchema;

/** Names of the settings that exist at a path. */
function knownKeys(schema: z.ZodType, path: PropertyKey[]): string[] {
  const root: Node = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const nodes = path.reduce<Node[]>((at, step) => forms(at).flatMap((node) => child(node, step)), [root]);
  return [...new Set(forms(nodes).flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

/** Nodes with those that each of them may be instead. */
const forms = (nodes: Node[]): Node[] => nodes.flatMap((node) => [node, ...forms(node.anyOf ?? [])]);

/** What is under a key of an object or a record, or in a list. */
const child = (node: Node, step: PropertyKey): Node[] =>
  [node.properties?.[String(step)] ?? node.additionalProperties, node.items].filter(
    (inner): inner is Node => typeof inner === "object" && !Array.isArray(inner),
  );
