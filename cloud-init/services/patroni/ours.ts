import { loginRoles, type Declared } from "../../../settings/databases";
import type { Plan } from "../../../settings/plan";
import { array, literal } from "./quote";

/** Roles that come through PgBouncer, whose verifiers it may look up. */
const pooledRoles = (settings: Declared) => [
  settings.database.owner,
  settings.database.user,
  ...loginRoles(settings).flatMap(({ name, replication }) => (replication ? [] : [name])),
];

/** What is ours in the database `postgres`: tables and functions that nobody else's database has to hold. */
export function ours(plan: Plan): string {
  return `BEGIN;
GRANT CONNECT ON DATABASE postgres TO pgbouncer;
CREATE SCHEMA IF NOT EXISTS pgha;
REVOKE ALL ON SCHEMA pgha FROM PUBLIC;
GRANT USAGE ON SCHEMA pgha TO pgbouncer;
-- PgBouncer asks for the verifier of whoever logs in. It gets those of the roles that come through it, and only a SCRAM verifier:
-- where there is none PgBouncer takes the word md5 for the password.
CREATE OR REPLACE FUNCTION pgha.lookup(login pg_catalog.text, OUT name pg_catalog.text, OUT verifier pg_catalog.text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ SELECT rolname::text, rolpassword FROM pg_catalog.pg_authid
        WHERE rolname = login AND rolname IN (${pooledRoles(plan.settings).map(literal).join(", ")})
          AND rolpassword LIKE 'SCRAM-SHA-256%' AND rolcanlogin AND NOT rolsuper AND NOT rolreplication
          AND (rolvaliduntil IS NULL OR rolvaliduntil > now()) $$;
REVOKE ALL ON FUNCTION pgha.lookup(pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgha.lookup(pg_catalog.text) TO pgbouncer;
CREATE TABLE IF NOT EXISTS pgha.converged (one boolean PRIMARY KEY DEFAULT true CHECK (one), sha256 text NOT NULL);
-- What the settings have declared, so that what they declare no more is known. What stands here was made, or taken over, by this file.
CREATE TABLE IF NOT EXISTS pgha.databases (name text PRIMARY KEY, on_removal text NOT NULL, parameters text[] NOT NULL);
CREATE TABLE IF NOT EXISTS pgha.roles (name text PRIMARY KEY, may jsonb NOT NULL, parameters text[] NOT NULL, members text[] NOT NULL);
-- Proxies that look passwords up here, each noted by itself (converge/haproxy.sh).
CREATE TABLE IF NOT EXISTS pgha.proxies (address inet PRIMARY KEY);
CREATE OR REPLACE FUNCTION pgha.note_proxy() RETURNS pg_catalog.void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ INSERT INTO pgha.proxies SELECT inet_client_addr() WHERE inet_client_addr() IS NOT NULL ON CONFLICT DO NOTHING $$;
REVOKE ALL ON FUNCTION pgha.note_proxy() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgha.note_proxy() TO pgbouncer;
COMMIT;
`;
}

/**
 * Sets psql's variable `moved`, on the database `postgres`: no proxy looks passwords up in the application's database any more, as those
 * of the release before do until they have their new files.
 */
export const proxiesMoved = (plan: Plan): string =>
  `SELECT count(*) = ${plan.haproxy.length} AS moved FROM pgha.proxies
  WHERE host(address) IN (${plan.haproxy.map(({ address }) => literal(address)).join(", ")}) \\gset
`;

/** The schema that the release before made in the application's database, as a condition there. Its owner may have one of that name. */
export const oldSchema =
  "EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pgha' AND nspowner = to_regrole('postgres'))";

/** Takes that away, in that database, once `moved`. */
export const withoutOldSchema = (database: string) => `SELECT :'moved' AND ${oldSchema} AS old \\gset
\\if :old
BEGIN;
DROP FUNCTION IF EXISTS pgha.lookup(pg_catalog.text);
DROP TABLE IF EXISTS pgha.converged;
DROP SCHEMA pgha;
REVOKE CONNECT ON DATABASE ${database} FROM pgbouncer;
COMMIT;
\\endif
`;

/** What the settings have declared is noted, on the database `postgres`. */
export function noted(settings: Plan["settings"]): string {
  const databases = settings.databases.map(
    ({ name, onRemoval, parameters }) => `(${literal(name)}, ${literal(onRemoval)}, ${array(Object.keys(parameters))})`,
  );
  const roles = settings.roles.map(
    ({ name, may, parameters, members }) =>
      `(${literal(name)}, ${literal(JSON.stringify(may))}, ${array(Object.keys(parameters))}, ${array(members)})`,
  );
  const insert = (table: string, rows: string[]) =>
    `DELETE FROM pgha.${table};\n${rows.length > 0 ? `INSERT INTO pgha.${table} VALUES\n  ${rows.join(",\n  ")};\n` : ""}`;
  return insert("databases", databases) + insert("roles", roles);
}
