/** SQL for the roles that the settings declare, on the database `postgres`. */
import { creators, databasesOf, type DeclaredRole } from "../../../settings/databases";
import type { Settings } from "../../../settings/schema";
import { array, literal, parameterValue } from "./quote";
import type { Verifiers } from "./scram";

const create = (name: string) => `SELECT 'CREATE ROLE ${name}' WHERE to_regrole('${name}') IS NULL \\gexec\n`;

/** What no role of ours is, whatever somebody has made it. */
const plain = "NOSUPERUSER NOCREATEROLE NOBYPASSRLS";

/** Every role, so that each can be named by the others, with what it is. */
export function rolesSql(settings: Settings, verifiers: Verifiers): string {
  const { owner, user } = settings.database;
  const creating = creators(settings);
  const databases = (name: string) => (creating.includes(name) ? "CREATEDB" : "NOCREATEDB");
  const role = ({ name, login, replication, connections = -1, validUntil = "infinity" }: DeclaredRole) =>
    `ALTER ROLE ${name} ${login ? "LOGIN" : "NOLOGIN"} ${plain} ${databases(name)} ${replication ? "REPLICATION" : "NOREPLICATION"} ` +
    `CONNECTION LIMIT ${connections} VALID UNTIL ${literal(validUntil)} PASSWORD ${login ? literal(verifiers.roles[name]!) : "NULL"};\n`;
  return [
    ...[owner, user, "pgbouncer", ...settings.roles.map(({ name }) => name)].map(create),
    `ALTER ROLE ${owner} LOGIN ${plain} ${databases(owner)} NOREPLICATION PASSWORD '${verifiers.owner}';\n`,
    `ALTER ROLE ${user} LOGIN ${plain} NOCREATEDB NOREPLICATION PASSWORD '${verifiers.user}';\n`,
    `ALTER ROLE pgbouncer LOGIN ${plain} NOCREATEDB NOREPLICATION PASSWORD NULL;\n`,
    ...settings.roles.map(role),
  ].join("");
}

/** What they have set and who has their rights, and that those which are declared no more do not log in. Knows of both by what is noted. */
export function roleDetailsSql(settings: Settings): string {
  const { owner, user } = settings.database;
  const all = [owner, user, ...settings.roles.map(({ name }) => name)];
  const details = settings.roles.flatMap(({ name, parameters, members }) => [
    forgotten("roles", `ROLE ${name}`, name, parameters),
    ...set(`ROLE ${name}`, parameters),
    `SELECT format('REVOKE ${name} FROM %I', member) FROM pgha.roles, unnest(members) AS member
  WHERE name = '${name}' AND member <> ALL (${array(members)}) AND to_regrole(member) IS NOT NULL \\gexec\n`,
    ...members.map((member) => `GRANT ${name} TO ${member};\n`),
  ]);
  return [
    `SELECT format('ALTER ROLE %I NOLOGIN', rolname) FROM pgha.roles JOIN pg_roles ON rolname = name
  WHERE rolcanlogin AND name <> ALL (${array(all)}) \\gexec\n`,
    ...details,
  ].join("");
}

/** Parameters that were set by the settings and are in them no more. */
export const forgotten = (table: "roles" | "databases", what: string, name: string, parameters: object) =>
  `SELECT format('ALTER ${what} RESET %s', parameter) FROM pgha.${table}, unnest(parameters) AS parameter
  WHERE name = '${name}' AND parameter <> ALL (${array(Object.keys(parameters))}) \\gexec\n`;

/** Parameters that they set. */
export const set = (what: string, parameters: Record<string, string | number | boolean>) =>
  Object.entries(parameters).map(([name, value]) => `ALTER ${what} SET ${name} = ${parameterValue(name, value)};\n`);

/**
 * Sets psql's variables `changed_0`, ...: of each database the roles whose rights in it are not those that are noted. What they were given
 * is taken from them before they get what they are to have.
 */
export function changedRights(settings: Settings): string {
  const declared = array(settings.roles.map(({ name }) => name));
  const columns = databasesOf(settings).map(({ name }, index) => {
    const may = Object.fromEntries(
      settings.roles.flatMap((role) => (role.may[name] === undefined ? [] : [[role.name, role.may[name]]])),
    );
    return `coalesce(string_agg(name, ',') FILTER (WHERE may ? '${name}' AND may->>'${name}' IS DISTINCT FROM ${literal(JSON.stringify(may))}::jsonb->>name), '') AS changed_${index}`;
  });
  return `SELECT ${columns.join(",\n  ")}\n  FROM pgha.roles WHERE name = ANY (${declared}) \\gset\n`;
}
