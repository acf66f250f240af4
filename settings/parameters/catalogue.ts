/** What PostgreSQL 17 of the machines knows: its parameters, and the names that their values may hold. */
import document from "../catalogue/postgresql-17.json";

/** A parameter as `pg_settings` has it (PostgreSQL manual, "System Views"). */
export interface Parameter {
  type: "bool" | "integer" | "real" | "enum" | "string";
  /** Who can change it, and when: `postmaster` takes a restart, `internal` is nobody. */
  context: "internal" | "postmaster" | "sighup" | "superuser-backend" | "backend" | "superuser" | "user";
  /** What a number without a unit counts: `B`, `kB`, `8kB`, `MB`, `ms`, `s`, `min`. */
  unit?: string;
  /** Bounds of a number, inclusive, in that unit. */
  min?: number;
  max?: number;
  /** The words of an enum. */
  values?: string[];
}

/** Made by `npm run catalogue` from the machine image, and compared with it by `test/integration/catalogue.test.ts`. */
export interface Catalogue {
  /** PostgreSQL's major version. */
  version: number;
  /** By their own names, those of the contrib modules among them. */
  parameters: Record<string, Parameter>;
  /** Libraries that can be preloaded. */
  libraries: string[];
  /** Locales of the operating system. */
  locales: string[];
  /** Encodings of clients. */
  encodings: string[];
  /** Names of time zones. */
  timeZones: string[];
}

export const catalogue = document as Catalogue;

const byLowerCase = new Map(Object.keys(catalogue.parameters).map((name) => [name.toLowerCase(), name]));

/** PostgreSQL's own spelling of a parameter's name, whose case does not matter. @returns undefined when there is none */
export const knownName = (name: string): string | undefined => byLowerCase.get(name.toLowerCase());
