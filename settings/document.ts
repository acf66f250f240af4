/** The tables of docs/settings.md, made from the schema and the table of timings. */
import { z } from "zod";
import { clocks, timings, type Clock, type Timing } from "./clocks";
import { markdownTable, withTable } from "./markdown";
import { roles } from "./roles";
import { schema } from "./schema";
import { awsSettings } from "./sections/aws";
import type { told } from "./sections/types";

/** A node of the JSON schema, with what is told of it. */
type Node = Partial<ReturnType<typeof told>> & { properties?: Record<string, Node>; default?: unknown };

interface Row {
  key: string;
  fallback: string;
  means: string;
}

/** A default as it stands in a stack's file. */
const shown = (value: unknown) =>
  typeof value === "number" ? String(value) : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;

function row(key: string, node: Node): Row {
  const { description, otherwise, example, change, cost } = node;
  if (!description) throw new Error(`there is no description of the setting ${key}`);
  const means = [
    description,
    example && `Example: \`${example}\`.`,
    cost && `On AWS costs money: ${cost}.`,
    change && `**When it changes**, ${change}.`,
  ];
  return {
    key,
    fallback: otherwise ?? (node.default === undefined ? "none" : shown(node.default)),
    means: means.filter(Boolean).join(" "),
  };
}

/** What is told of an object's keys, in their order. */
function rowsOf(node: Node, path: string[] = []): Row[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const key = [...path, name];
    return child.properties && !child.whole ? rowsOf(child, key) : [row(key.join("."), child)];
  });
}

/** The rows of `machines.etcd.cpus`, `machines.postgresql.cpus`, ... are one, with the default of each role. */
function byRole(rows: Row[]): Row[] {
  const first = `machines.${roles[0]}.`;
  return rows.flatMap((one) => {
    if (!one.key.startsWith("machines.")) return [one];
    if (!one.key.startsWith(first)) return [];
    const name = one.key.slice(first.length);
    const fallbacks = roles.map((role) => rows.find(({ key }) => key === `machines.${role}.${name}`)!.fallback);
    const fallback = new Set(fallbacks).size > 1 ? fallbacks.join(", ") : one.fallback;
    return [{ ...one, key: `machines.<role>.${name}`, fallback }];
  });
}

function table(type: z.ZodType): string {
  const rows = byRole(rowsOf(z.toJSONSchema(type, { io: "input", unrepresentable: "any" }) as Node));
  return markdownTable(
    ["key", "default", "meaning"],
    rows.map(({ key, fallback, means }) => [`\`${key}\``, fallback, means]),
  );
}

function clockTable(): string {
  const presets = Object.entries<Clock>(clocks);
  return markdownTable(
    ["timing", ...presets.map(([name]) => `\`${name}\``), "whose, and what"],
    Object.entries<Timing>(timings).map(([field, { unit, layer, means }]) => [
      `\`${field}\`${unit && ` (${unit})`}`,
      ...presets.map(([, clock]) => String(clock[field as keyof Clock])),
      `${layer}: ${means}`,
    ]),
  );
}

/** The tables by their marks in the page. */
export const tables = (): Record<string, string> => ({
  settings: table(schema),
  aws: table(awsSettings),
  clock: clockTable(),
});

/** docs/settings.md as it should be. @throws Error when a table has no place in it */
export const withTables = (page: string): string =>
  Object.entries(tables()).reduce((text, [mark, rows]) => withTable(text, mark, rows), page);
