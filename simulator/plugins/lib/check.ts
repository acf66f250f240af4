// Checks a program's inputs against what a stand-in implements, and fills defaults in.
import type { Failure, Properties, Property, ResourceType } from "./plugin";
import { isObject, isUnknown, plainObject, type Value, type Values } from "./wire";

/** The inputs as the resource sees them: no secret marks, defaults filled in, dependent inputs settled. */
export function planned(type: Pick<ResourceType, "inputs" | "normalise">, inputs: Values): Values {
  const filled = withDefaults(type.inputs, plainObject(inputs));
  return type.normalise ? type.normalise(filled) : filled;
}

function withDefaults(properties: Properties, values: Values): Values {
  const filled: Values = { ...values };
  for (const [key, property] of Object.entries(properties)) {
    const value = filled[key] ?? property.default;
    if (value === undefined) {
      continue;
    }
    filled[key] = value;
    if (property.fields && isObject(value)) {
      filled[key] = withDefaults(property.fields, value);
    } else if (property.unordered && Array.isArray(value)) {
      filled[key] = [...value].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    }
  }
  return filled;
}

/** Every fault of the inputs at once; unknown values are let through. */
export function failures(
  type: Pick<ResourceType, "inputs" | "normalise" | "check">,
  token: string,
  inputs: Values,
): Failure[] {
  const values = plainObject(inputs);
  const found = checkObject(type.inputs, values, "", token);
  if (found.length > 0 || !type.check) {
    return found;
  }
  const known = Object.entries(planned(type, inputs)).filter(([, value]) => !isUnknown(value));
  return type.check(Object.fromEntries(known));
}

function checkObject(properties: Properties, values: Values, prefix: string, token: string): Failure[] {
  const found: Failure[] = [];
  for (const [key, value] of Object.entries(values)) {
    const path = prefix + key;
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property && !property.unsupported) {
      found.push(...checkValue(property, value, path, token));
    } else if (!key.startsWith("__")) {
      const hint = property?.unsupported ?? `it takes: ${supported(properties).join(", ")}`;
      found.push({ property: path, reason: `the stand-in for ${token} has no input "${path}"; ${hint}` });
    }
  }
  for (const [key, property] of Object.entries(properties)) {
    if (property.required && values[key] === undefined) {
      found.push({ property: prefix + key, reason: `missing required input "${prefix}${key}"` });
    }
  }
  return found;
}

const supported = (properties: Properties): string[] =>
  Object.keys(properties).filter((key) => !properties[key]?.unsupported);

function checkValue(property: Property, value: Value, path: string, token: string): Failure[] {
  if (isUnknown(value)) {
    return [];
  }
  const wrong = (wanted: string): Failure[] => [{ property: path, reason: `"${path}" must be ${wanted}` }];
  switch (property.type) {
    case "string":
      if (typeof value !== "string") return wrong("a string");
      return property.oneOf && !property.oneOf.includes(value) ? wrong(`one of ${property.oneOf.join(", ")}`) : [];
    case "integer":
      if (typeof value !== "number" || !Number.isInteger(value)) return wrong("a whole number");
      return property.min !== undefined && value < property.min ? wrong(`at least ${property.min}`) : [];
    case "boolean":
      return typeof value === "boolean" ? [] : wrong("true or false");
    case "list":
      if (!Array.isArray(value)) return wrong("a list");
      return value.flatMap((item, i) =>
        property.items ? checkValue(property.items, item, `${path}[${i}]`, token) : [],
      );
    case "map":
      if (!isObject(value)) return wrong("a map");
      return Object.entries(value).flatMap(([key, item]) =>
        property.items ? checkValue(property.items, item, `${path}.${key}`, token) : [],
      );
    case "object":
      return isObject(value) ? checkObject(property.fields ?? {}, value, `${path}.`, token) : wrong("an object");
    case "any":
      return [];
  }
}
