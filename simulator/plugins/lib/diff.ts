// What changed between two sets of inputs, path by path, and whether it replaces the resource.
import { planned } from "./check";
import type { Change, Property, ResourceType } from "./plugin";
import { isObject, isUnknown, type Value, type Values } from "./wire";

export function changes(type: ResourceType, oldInputs: Values, newInputs: Values, state: Values): Change[] {
  const before = planned(type, oldInputs);
  const after = planned(type, newInputs);
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const found: Change[] = [];
  for (const key of keys) {
    if (key.startsWith("__")) {
      continue; // bookkeeping of the engine or of the real plugin
    }
    if (type.inputs[key]?.keeps && after[key] === undefined) continue;
    const replace = replaces(type.inputs[key], before[key], after[key]);
    for (const [path, kind] of compare(key, before[key], after[key])) {
      found.push({ path, kind, replace, input: true });
    }
  }
  return type.drift ? [...found, ...type.drift(state, after)] : found;
}

function replaces(property: Property | undefined, before: Value, after: Value): boolean {
  const rule = property?.replaces ?? false;
  return typeof rule === "function" ? rule(before, after) : rule;
}

type Difference = [path: string, kind: Change["kind"]];

function compare(path: string, before: Value, after: Value): Difference[] {
  if (before === undefined || after === undefined) {
    return before === after ? [] : [[path, before === undefined ? "add" : "delete"]];
  }
  if (isUnknown(after)) {
    return [[path, "update"]];
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, i) => i).flatMap((i) => compare(`${path}[${i}]`, before[i], after[i]));
  }
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => compare(member(path, key), before[key], after[key]));
  }
  return before === after ? [] : [[path, "update"]];
}

const member = (path: string, key: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
