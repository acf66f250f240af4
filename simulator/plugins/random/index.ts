// Stand-in for @pulumi/random 4.21.2: RandomPassword, RandomString, RandomId, RandomBytes.
import { randomBytes } from "node:crypto";
import type { Failure, Plugin, Properties, ResourceType } from "../lib/plugin";
import { isObject, type Value, type Values } from "../lib/wire";
import { bcrypt } from "./bcrypt";
import { randomString, type StringRules } from "./string";

// A map that comes or goes without members is not a reason for a new value, as in the real plugin.
const keepersReplace = (before: Value, after: Value): boolean => {
  const members = (value: Value): number => (isObject(value) ? Object.keys(value).length : value === undefined ? 0 : 1);
  return members(before) > 0 || members(after) > 0;
};

const keepers: Properties = { keepers: { type: "map", replaces: keepersReplace } };
const flag = { type: "boolean", default: true, replaces: true } as const;
const minimum = { type: "integer", default: 0, min: 0, replaces: true } as const;

const stringInputs: Properties = {
  ...keepers,
  length: { type: "integer", required: true, min: 1, replaces: true },
  lower: flag,
  upper: flag,
  special: flag,
  // `number` is the old name of `numeric`: normalise keeps the two equal.
  number: { type: "boolean", replaces: true },
  numeric: { type: "boolean", replaces: true },
  minLower: minimum,
  minUpper: minimum,
  minNumeric: minimum,
  minSpecial: minimum,
  overrideSpecial: { type: "string", replaces: (before, after) => !(before === "" && after === undefined) },
};

function withNumeric(inputs: Values): Values {
  const numeric = inputs.numeric ?? inputs.number ?? true;
  return { ...inputs, numeric, number: inputs.number ?? numeric };
}

function checkString(inputs: Values): Failure[] {
  const rules = inputs as unknown as StringRules & { number: boolean };
  const found: Failure[] = [];
  const least = ["minLower", "minUpper", "minNumeric", "minSpecial"] as const;
  const sum = least.reduce((total, key) => total + (rules[key] ?? 0), 0);
  if (rules.length < sum) {
    found.push({ property: "length", reason: `length must be at least the sum of the min* inputs, ${sum}` });
  }
  if (rules.numeric !== rules.number) {
    found.push({ property: "number", reason: "number and numeric differ; number is deprecated, use numeric" });
  }
  if ([rules.special, rules.upper, rules.lower, rules.numeric].every((on) => on === false)) {
    found.push({ property: "special", reason: "at least one of special, upper, lower and numeric must be true" });
  }
  return found;
}

const stringType: Pick<ResourceType, "inputs" | "normalise" | "check"> = {
  inputs: stringInputs,
  normalise: withNumeric,
  check: checkString,
};

const RandomString: ResourceType = {
  ...stringType,
  computed: ["result"],
  async create(inputs) {
    const result = randomString(inputs as unknown as StringRules);
    return { id: result, outputs: { result } };
  },
};

const RandomPassword: ResourceType = {
  ...stringType,
  computed: ["result", "bcryptHash"],
  secretOutputs: ["result", "bcryptHash"],
  async create(inputs) {
    const result = randomString(inputs as unknown as StringRules);
    return { id: "none", outputs: { result, bcryptHash: bcrypt(result) } };
  },
};

const RandomId: ResourceType = {
  inputs: {
    ...keepers,
    byteLength: { type: "integer", required: true, min: 1, replaces: true },
    prefix: { type: "string", replaces: true },
  },
  computed: ["b64Std", "b64Url", "dec", "hex"],
  async create(inputs) {
    const bytes = randomBytes(Number(inputs.byteLength));
    const prefix = String(inputs.prefix ?? "");
    const id = bytes.toString("base64url");
    const hex = bytes.toString("hex");
    return {
      id,
      outputs: {
        b64Std: prefix + bytes.toString("base64"),
        b64Url: prefix + id,
        dec: prefix + BigInt(`0x${hex}`).toString(),
        hex: prefix + hex,
      },
    };
  },
};

const RandomBytes: ResourceType = {
  inputs: {
    keepers: { type: "map", replaces: true },
    length: { type: "integer", required: true, min: 1, replaces: true },
  },
  computed: ["base64", "hex"],
  secretOutputs: ["base64", "hex"],
  async create(inputs) {
    const bytes = randomBytes(Number(inputs.length));
    const base64 = bytes.toString("base64");
    // The real plugin uses the bytes themselves as the id too.
    return { id: base64, outputs: { base64, hex: bytes.toString("hex") } };
  },
};

export const plugin: Plugin = {
  name: "random",
  version: "4.21.2",
  resources: {
    "random:index/randomPassword:RandomPassword": RandomPassword,
    "random:index/randomString:RandomString": RandomString,
    "random:index/randomId:RandomId": RandomId,
    "random:index/randomBytes:RandomBytes": RandomBytes,
  },
};
