import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { imageAlias } from "../../../components/incus/image";
import { waitsFor } from "./graph";
import type { Registered, Run } from "./program";

/** Texts that are golden files of their own, or nothing that a setting changes: by resource type and input. */
const elsewhere: Record<string, string> = {
  script: "[converge of this node]",
  files: "[files of this node]",
  userData: "[user-data of this node]",
  readme: "[Pulumi.README.md]",
};

/**
 * All resources of a run as YAML, a text for each component: itself and its children, by name, in an order of their own, with
 * references by name. YAML and not JSON: a line more changes no line before it.
 */
export function resourceFiles(run: Run): Map<string, string> {
  const all = [...run.resources.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const stack = all.find(({ type }) => type === "pulumi:pulumi:Stack")!;
  const componentOf = (resource: Registered): Registered => {
    if (!resource.custom) return resource;
    const parent = run.resources.get(resource.parent);
    return parent ? componentOf(parent) : stack;
  };
  return new Map(
    all
      .filter(({ custom }) => !custom)
      .map((component) => {
        const own = all.filter((resource) => componentOf(resource) === component);
        const entries = own.map((resource) => [resource.name, written(run, resource, stack)] as const);
        const content = Object.fromEntries(entries);
        // Two of one name would be one entry here, and are hard to tell apart in a preview, too.
        if (Object.keys(content).length < own.length)
          throw new Error(`${component.name} has two resources of one name`);
        const file = component === stack ? "stack" : component.name;
        return [file, stringify(content, { lineWidth: 0, aliasDuplicateObjects: false })];
      }),
  );
}

function written(run: Run, resource: Registered, stack: Registered) {
  const nameOf = (urn: string) => run.resources.get(urn)?.name ?? urn;
  const { type, parent, inputs, outputs, dependencies, deletedWith, ignoreChanges } = resource;
  const some = <T>(list: T[]) => (list.length > 0 ? list : undefined);
  return {
    type,
    parent: parent ? nameOf(parent) : undefined,
    inputs: some(Object.keys(inputs)) && brief(inputs),
    outputs: outputs && brief(resource === stack ? outputs : withoutRepetition(outputs, stack.outputs ?? {})),
    dependencies: dependsOnAll(run, resource) ? "[everything else]" : some(dependencies.map(nameOf).sort()),
    deletedWith: deletedWith ? nameOf(deletedWith) : undefined,
    ignoreChanges: some(ignoreChanges),
    protect: resource.protect || undefined,
    retainOnDelete: resource.retainOnDelete || undefined,
    deleteBeforeReplace: resource.deleteBeforeReplace || undefined,
  };
}

/** Whether a resource comes after every other one: then a list of them would only repeat what is in all the files. */
function dependsOnAll(run: Run, resource: Registered): boolean {
  const others = [...run.resources.values()].filter((other) => other.custom && other !== resource);
  const direct = others.filter(({ urn }) => resource.dependencies.includes(urn));
  // What all the direct ones wait for is not among them.
  const first = others.filter((other) => !direct.includes(other));
  return direct.length > 1 && first.every((other) => direct.every((one) => waitsFor(run, one, other)));
}

/** Outputs of a component, without the text of those that are the stack's, too. */
function withoutRepetition(outputs: Record<string, unknown>, stack: Record<string, unknown>) {
  const repeated = (key: string, value: unknown) =>
    typeof value === "object" && JSON.stringify(value) === JSON.stringify(stack[key]);
  return Object.fromEntries(
    Object.entries(outputs).map(([key, value]) => [key, repeated(key, value) ? `[the stack's output ${key}]` : value]),
  );
}

/** A value with its keys sorted, and with what is shown elsewhere or tells nothing replaced by its name. */
function brief(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => brief(item));
  if (value && typeof value === "object") {
    if (Object.values(value).some((item) => String(item).includes("\n")) && elsewhere[key]) return elsewhere[key];
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([name, item]) => [name, brief(item, name)]));
  }
  if (typeof value !== "string") return value;
  // The image is named after a hash of everything that goes into it, a file's hash stands for a file that is golden itself.
  if (value === imageAlias()) return "[image]";
  if (/^[0-9a-f]{64}$/.test(value)) return "[sha256]";
  // A policy of IAM.
  if (/^\{.*\}$/s.test(value)) return brief(JSON.parse(value));
  const lines = value.split("\n").length;
  if (lines < 10) return value;
  return (
    elsewhere[key] ??
    `[text of ${lines} lines, sha256 ${createHash("sha256").update(value).digest("hex").slice(0, 12)}]`
  );
}
