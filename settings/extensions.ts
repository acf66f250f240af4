/** Extensions of PostgreSQL that a database can have: those whose packages the machines have. */
import document from "./catalogue/extensions.json";
import type { Parameters } from "./parameters/faults";
import { readList } from "./parameters/lists";
import { nearest } from "./parameters/nearest";
import { eitherOf } from "./parameters/sentences";

/** An extension as its control file has it. */
export interface Extension {
  /** The Debian package that it comes with. */
  package: string;
  /** Whether whoever owns a database may create it there by himself. @default false */
  trusted?: boolean;
  /** The schema that it is bound to. @default undefined: any; it is created in `public` */
  schema?: string;
  /** Extensions that it needs in the same database. @default none */
  requires?: string[];
  /** Libraries that PostgreSQL must load at its start for it, in this order. @default none */
  preload?: string[];
}

export const extensions: Record<string, Extension> = document;

/** Why a database cannot have an extension of that name; undefined when it can. */
export function extensionFault(name: string): string | undefined {
  if (name in extensions) return undefined;
  return `is '${name}', which is no extension that the machines have; ${eitherOf(nearest(name, Object.keys(extensions)))}remove it`;
}

/** These and what they need, what is needed first. */
export function withRequired(names: string[]): string[] {
  const found = new Set<string>();
  const add = (name: string) => {
    extensions[name]?.requires?.forEach(add);
    found.add(name);
  };
  names.forEach(add);
  return [...found];
}

const allOf = (databases: { extensions: string[] }[]) => withRequired(databases.flatMap((one) => one.extensions));

/** The SQL that creates them where they are missing, in a database of that owner. */
export const creations = (names: string[], owner: string): string[] =>
  withRequired(names).flatMap((name) => [
    `CREATE EXTENSION IF NOT EXISTS "${name}"${extensions[name]!.schema === undefined ? " SCHEMA public" : ""};`,
    ...(name === cron.extension ? [`GRANT USAGE ON SCHEMA cron TO ${owner};`] : []),
  ]);

/** `postgresql.parameters`, and what the extensions of all databases need there: libraries beside those in it, and pg_cron's own. */
export function withExtensions(
  parameters: Parameters,
  databases: { name: string; extensions: string[] }[],
): Parameters {
  const needed = allOf(databases).flatMap((name) => extensions[name]?.preload ?? []);
  if (needed.length === 0) return parameters;
  const written = Object.keys(parameters).find((name) => name.toLowerCase() === preloadParameter) ?? preloadParameter;
  const given = readList(String(parameters[written] ?? ""), "files") ?? [];
  const scheduled = databases.find((one) => one.extensions.includes(cron.extension));
  return {
    ...parameters,
    [written]: [...new Set([...given, ...needed])].join(","),
    ...(scheduled && cron.parameters(scheduled.name)),
  };
}

const preloadParameter = "shared_preload_libraries";

/**
 * pg_cron is in one database, which it is told. Its jobs run in workers: by a connection of their own, which is the default, no role of
 * ours gets in without its password. Who may schedule jobs may use its schema (its README, "Setting up pg_cron").
 */
export const cron = {
  extension: "pg_cron",
  parameters: (database: string): Parameters => ({
    "cron.database_name": database,
    "cron.use_background_workers": "on",
  }),
};

/** Debian packages that they come with, beside PostgreSQL's own. */
export const packagesOf = (databases: { extensions: string[] }[]): string[] =>
  [...new Set(allOf(databases).map((name) => extensions[name]!.package))].filter((name) => name !== ownPackage).sort();

/** PostgreSQL's own package, which every database node has, brings the contrib modules. */
export const ownPackage = "postgresql-17";
