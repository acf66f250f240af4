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
  /** The library that PostgreSQL must load at its start for it. @default undefined: none */
  preload?: string;
}

export const extensions: Record<string, Extension> = document;

/** Why a database cannot have an extension of that name; undefined when it can. */
export function extensionFault(name: string): string | undefined {
  if (name in extensions) return undefined;
  return `is '${name}', which is no extension that the machines have; ${eitherOf(nearest(name, Object.keys(extensions)))}remove it`;
}

/** The SQL that creates it where it is missing, and those that it needs. */
export function creation(name: string): string {
  const { schema } = extensions[name]!;
  return `CREATE EXTENSION IF NOT EXISTS "${name}"${schema === undefined ? " SCHEMA public" : ""} CASCADE;`;
}

/** `postgresql.parameters`, with the libraries that the extensions of all databases need at PostgreSQL's start added to those in it. */
export function withPreloaded(parameters: Parameters, databases: { extensions: string[] }[]): Parameters {
  const needed = databases.flatMap((one) => one.extensions).flatMap((name) => extensions[name]?.preload ?? []);
  if (needed.length === 0) return parameters;
  const written = Object.keys(parameters).find((name) => name.toLowerCase() === preloadParameter) ?? preloadParameter;
  const given = readList(String(parameters[written] ?? ""), "files") ?? [];
  return { ...parameters, [written]: [...new Set([...given, ...needed])].join(",") };
}

const preloadParameter = "shared_preload_libraries";

/** Debian packages that they come with, beside PostgreSQL's own. */
export const packagesOf = (databases: { extensions: string[] }[]): string[] =>
  [...new Set(databases.flatMap((one) => one.extensions).map((name) => extensions[name]!.package))]
    .filter((name) => name !== ownPackage)
    .sort();

/** PostgreSQL's own package, which every database node has, brings the contrib modules. */
export const ownPackage = "postgresql-17";
