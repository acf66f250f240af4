// Property values as the engine sends them: JSON, with marks for secrets and for values a preview can't know yet.
export type Value = null | undefined | boolean | number | string | Value[] | Values;
export interface Values {
  [key: string]: Value;
}

/** What stands for a value that is not known until the update runs. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

// One mark per type, as in pulumi/sdk/go/common/resource/plugin/rpc.go: string, bool, number, array, asset, archive, object.
const UNKNOWNS = new Set<Value>([
  UNKNOWN,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

export const isUnknown = (value: Value): boolean => UNKNOWNS.has(value);

export const isObject = (value: Value): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isSecret = (value: Value): boolean => isObject(value) && value[SIGNATURE] === SECRET;

export const secret = (value: Value): Value =>
  isSecret(value) || value === undefined ? value : { [SIGNATURE]: SECRET, value };

/** The value without its secret marks, at any depth, and without null members. */
export function plain(value: Value): Value {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (!isObject(value)) {
    return value;
  }
  if (isSecret(value)) {
    return plain(value.value);
  }
  return plainObject(value);
}

export function plainObject(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values)
      .map(([key, value]) => [key, plain(value)] as const)
      .filter(([, value]) => value !== null && value !== undefined),
  );
}
