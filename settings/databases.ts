/** The databases and roles of a stack, as those who render them want to know them. */
import type { Settings } from "./schema";
import type { removals } from "./sections/databases";
import type { Power } from "./sections/roles";

export type DeclaredRole = Settings["roles"][number];

/** What of the settings says which databases and roles there are. */
export type Declared = Pick<Settings, "database" | "databases" | "roles" | "driver">;

/** A database that is declared: the first one, and those of `databases`. */
export interface Database {
  name: string;
  owner: string;
  /** `public` and further ones, all the owner's. */
  schemas: string[];
  extensions: string[];
  /** What others may do in it, as they are declared. The owner is none of them. */
  rights: { role: string; may: Exclude<Power, "owner"> }[];
  /** Roles that log in to it: the owner, and those that have rights, by themselves or by a role that they are members of. */
  visitors: string[];
}

/** What `databases` says beyond that. */
export interface Further extends Database {
  parameters: Settings["databases"][number]["parameters"];
  /** @default undefined: no limit */
  connections?: number;
  pool: number;
  onRemoval: (typeof removals)[number];
}

/** The database of the section `database`. */
export const firstDatabase = (settings: Declared): Database => {
  const { name, owner, user, extensions } = settings.database;
  const rights = [{ role: user, may: "write" as const }, ...rightsIn(settings, name)];
  return { name, owner, schemas: ["public"], extensions, rights, visitors: visitors(settings, owner, rights) };
};

/** Those of the section `databases`. */
export const furtherDatabases = (settings: Declared): Further[] =>
  settings.databases.map(({ name, owner: said, schemas, ...rest }) => {
    const owner = said ?? ownersByRole(settings, name)[0]!;
    const rights = rightsIn(settings, name).filter(({ role }) => role !== owner);
    const all = ["public", ...schemas.filter((schema) => schema !== "public")];
    return { ...rest, name, owner, schemas: all, rights, visitors: visitors(settings, owner, rights) };
  });

/** All of them, the first one first. */
export const databasesOf = (settings: Declared): Database[] => [firstDatabase(settings), ...furtherDatabases(settings)];

/** Server connections of one PgBouncer to the further databases. */
export const declaredPools = ({ databases }: Pick<Settings, "databases">): number =>
  databases.reduce((sum, { pool }) => sum + pool, 0);

/** Roles that say of themselves that they own a database. */
export const ownersByRole = ({ roles }: Pick<Settings, "roles">, database: string): string[] =>
  roles.filter(({ may }) => may[database] === "owner").map(({ name }) => name);

/** Roles that log in with a password of their own, beside the owner and the user of the first database. */
export const loginRoles = ({ roles }: Pick<Settings, "roles">): DeclaredRole[] => roles.filter(({ login }) => login);

/** Roles that may make databases of their own, and reach them. */
export const creators = ({ database, driver, roles }: Declared): string[] => [
  ...((database.createDatabases ?? driver === "incus") ? [database.owner] : []),
  ...loginRoles({ roles }).flatMap(({ name, createDatabases }) => (createDatabases ? [name] : [])),
];

const rightsIn = ({ roles }: Declared, database: string) =>
  roles.flatMap(({ name, may }) => {
    const power = may[database];
    return power === "read" || power === "write" ? [{ role: name, may: power }] : [];
  });

function visitors(settings: Declared, owner: string, rights: Database["rights"]): string[] {
  const { database, roles } = settings;
  const mayLogIn = new Set([database.owner, database.user, ...loginRoles({ roles }).map(({ name }) => name)]);
  return [...withMembers(settings, [owner, ...rights.map(({ role }) => role)])].filter((name) => mayLogIn.has(name));
}

/** These roles, their members, and the members of those. */
export function withMembers({ roles }: Pick<Settings, "roles">, names: string[]): Set<string> {
  const found = new Set<string>();
  const add = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    roles.find((role) => role.name === name)?.members.forEach(add);
  };
  names.forEach(add);
  return found;
}
