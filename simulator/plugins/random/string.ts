import { randomInt } from "node:crypto";

export interface StringRules {
  length: number;
  lower: boolean;
  upper: boolean;
  numeric: boolean;
  special: boolean;
  minLower: number;
  minUpper: number;
  minNumeric: number;
  minSpecial: number;
  overrideSpecial?: string;
}

/**
 * A random string by the rules of RandomPassword and RandomString: the min* characters of every class (also of one
 * that is switched off, as in the real plugin), the rest from all classes that are on, in random order.
 */
export function randomString(rules: StringRules): string {
  const lower = "abcdefghijklmnopqrstuvwxyz";
  const classes = [
    { characters: lower, on: rules.lower, least: rules.minLower },
    { characters: lower.toUpperCase(), on: rules.upper, least: rules.minUpper },
    { characters: "0123456789", on: rules.numeric, least: rules.minNumeric },
    { characters: rules.overrideSpecial || "!@#$%&*()-_=+[]{}<>:?", on: rules.special, least: rules.minSpecial },
  ];
  const picked = classes.flatMap(({ characters, least }) => pick(characters, least));
  const all = classes.map(({ characters, on }) => (on ? characters : "")).join("");
  return shuffled([...picked, ...pick(all, rules.length - picked.length)]).join("");
}

function pick(characters: string, count: number): string[] {
  const from = [...characters];
  return Array.from({ length: count }, () => from[randomInt(from.length)] ?? "");
}

/** Fisher and Yates. */
function shuffled(items: string[]): string[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [items[last], items[other]] = [items[other] ?? "", items[last] ?? ""];
  }
  return items;
}
