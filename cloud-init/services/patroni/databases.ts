/** SQL for the databases that the settings declare. */
import { databasesOf, furtherDatabases, type Database, type Further } from "../../../settings/databases";
import { creations } from "../../../settings/extensions";
import type { Settings } from "../../../settings/schema";
import { forgotten, set } from "./roles";
import { array, literal } from "./quote";

/** What a role gets of the tables and sequences of an owner. */
export const given = {
  read: { tables: ["SELECT"], sequences: ["SELECT"] },
  write: { tables: ["SELECT", "INSERT", "UPDATE", "DELETE"], sequences: ["USAGE", "SELECT"] },
} as const;

/**
 * Databases that are declared no more and were to be dropped then are, on the database `postgres`: all of them or, when one is used,
 * none. PgBouncer's own connections to one end when it has its new configuration.
 */
export function droppedDatabases(settings: Settings): string {
  const names = array(databasesOf(settings).map(({ name }) => name));
  const gone = `FROM pgha.databases WHERE on_removal = 'drop' AND name <> ALL (${names})`;
  return `DO $do$ DECLARE used text; BEGIN
  SELECT string_agg(format('database %I is to be dropped, but %s sessions use it', name, sessions), '; ') INTO used
    FROM (SELECT name, (SELECT count(*) FROM pg_stat_activity WHERE datname = name AND backend_type IN ('client backend', 'walsender')) AS sessions
          ${gone}) AS databases WHERE sessions > 0;
  IF used IS NOT NULL THEN RAISE EXCEPTION USING MESSAGE = used || '; end them, or write it with onRemoval: keep again'; END IF;
END $do$;
SELECT format('DROP DATABASE IF EXISTS %I', name) ${gone} \\gexec
`;
}

/** A database, with what is said of it outside of it, on the database `postgres`. */
export function databaseSql(settings: Settings): string {
  const further = furtherDatabases(settings);
  return databasesOf(settings)
    .flatMap((database) => [
      `SELECT 'CREATE DATABASE ${database.name} OWNER ${database.owner}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${database.name}') \\gexec\n`,
      ...further.filter(({ name }) => name === database.name).map(furtherSql),
      `REVOKE CONNECT, TEMPORARY ON DATABASE ${database.name} FROM PUBLIC;\n`,
    ])
    .join("");
}

const furtherSql = ({ name, owner, connections = -1, parameters }: Further) =>
  [
    `ALTER DATABASE ${name} OWNER TO ${owner};\n`,
    `ALTER DATABASE ${name} CONNECTION LIMIT ${connections};\n`,
    forgotten("databases", `DATABASE ${name}`, name, parameters),
    ...set(`DATABASE ${name}`, parameters),
  ].join("");

/** What is in each database. @param end what is to be done in the first one at last */
export const insideSql = (settings: Settings, end: string): string =>
  databasesOf(settings)
    .map((database, index) => inside(database, index) + (index === 0 ? end : ""))
    .join("");

function inside(database: Database, index: number): string {
  const { name, owner, schemas, extensions, rights } = database;
  const grants = rights.flatMap(({ role, may }) => [
    `GRANT CONNECT${may === "write" ? ", TEMPORARY" : ""} ON DATABASE ${name} TO ${role};`,
    ...schemas.flatMap((schema) => {
      const { tables, sequences } = given[may];
      const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${schema} GRANT`;
      return [
        `GRANT USAGE ON SCHEMA ${schema} TO ${role};`,
        `GRANT ${tables.join(", ")} ON ALL TABLES IN SCHEMA ${schema} TO ${role};`,
        `GRANT ${sequences.join(", ")} ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role};`,
        `${defaults} ${tables.join(", ")} ON TABLES TO ${role};`,
        `${defaults} ${sequences.join(", ")} ON SEQUENCES TO ${role};`,
      ];
    }),
  ]);
  return [
    `\\connect ${name}`,
    "SET search_path = pg_catalog, pg_temp; -- nothing the owner has made there stands for a name below",
    "BEGIN;",
    "-- The owner makes tables; others work with the rows of all of them, present and future.",
    ...schemas.flatMap((schema) => [
      `CREATE SCHEMA IF NOT EXISTS ${schema};${schema === "public" ? " -- he may have dropped it" : ""}`,
      `ALTER SCHEMA ${schema} OWNER TO ${owner};`,
    ]),
    taken(database, index),
    ...grants,
    "COMMIT;",
    ...creations(extensions, owner),
    "",
  ].join("\n");
}

/** Rights that were given when the settings said something else. */
function taken({ name, owner, schemas }: Database, index: number): string {
  const statements = [
    `REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM %2$I`,
    "REVOKE USAGE ON SCHEMA %1$I FROM %2$I",
    "REVOKE SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1$I FROM %2$I",
    "REVOKE USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %1$I FROM %2$I",
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA %1$I REVOKE SELECT, INSERT, UPDATE, DELETE ON TABLES FROM %2$I`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA %1$I REVOKE USAGE, SELECT ON SEQUENCES FROM %2$I`,
  ];
  return `SELECT format(statement, schema, role) FROM unnest(${array(schemas)}) AS schema, unnest(string_to_array(:'changed_${index}', ',')) AS role,
  unnest(ARRAY[${statements.map(literal).join(",\n    ")}]) AS statement \\gexec`;
}
