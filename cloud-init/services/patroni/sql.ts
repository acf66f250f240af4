import type { Plan } from "../../../settings/plan";
import type { File } from "../../file";

/** Password verifiers of the roles that log in with a password. */
export interface Verifiers {
  owner: string;
  user: string;
}

/**
 * Roles, database and rights, as SQL for psql that may run any number of times. The leader runs it; its last statement
 * leaves the file's hash in `pgha.converged`, by which every node sees that it has been run and has reached it. What is ours is in the
 * database `postgres`: the application's holds nothing of it, so that its owner can dump all that is there.
 */
export function clusterSql(plan: Plan, verifiers: Verifiers): File {
  const { name, owner, user } = plan.settings.database;
  const content = `-- Written by pgha. Run by the leader as postgres, on the database postgres, in a session that logs no statement
-- (\`superuser_options\` in converge/postgresql.sh): there are verifiers in these.
SET search_path = pg_catalog, pg_temp;
SELECT 'CREATE ROLE ${owner}' WHERE to_regrole('${owner}') IS NULL \\gexec
SELECT 'CREATE ROLE ${user}' WHERE to_regrole('${user}') IS NULL \\gexec
SELECT 'CREATE ROLE pgbouncer' WHERE to_regrole('pgbouncer') IS NULL \\gexec
ALTER ROLE ${owner} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${verifiers.owner}';
ALTER ROLE ${user} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${verifiers.user}';
ALTER ROLE pgbouncer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL;
SELECT 'CREATE DATABASE ${name} OWNER ${owner}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${name}') \\gexec
REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE ${name} TO ${user};
${ours(plan)}\\connect ${name}
SET search_path = pg_catalog, pg_temp; -- nothing the owner has made there stands for a name below
BEGIN;
-- The owner makes tables; the application's user works with the rows of all of them, present and future.
CREATE SCHEMA IF NOT EXISTS public; -- he may have dropped it
ALTER SCHEMA public OWNER TO ${owner};
GRANT USAGE ON SCHEMA public TO ${user};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${user};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${user};
ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${user};
ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO ${user};
COMMIT;
${withoutOld(name)}\\connect postgres
SET search_path = pg_catalog, pg_temp;
INSERT INTO pgha.converged (sha256) VALUES (:'sha256') ON CONFLICT (one) DO UPDATE SET sha256 = excluded.sha256;
`;
  return { path: "/etc/patroni/cluster.sql", owner: "root:postgres", mode: "0640", content };
}

/** What is ours in the database `postgres`. */
function ours(plan: Plan): string {
  const { owner, user } = plan.settings.database;
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
        WHERE rolname = login AND rolname IN ('${owner}', '${user}') AND rolpassword LIKE 'SCRAM-SHA-256%'
          AND rolcanlogin AND NOT rolsuper AND NOT rolreplication
          AND (rolvaliduntil IS NULL OR rolvaliduntil > now()) $$;
REVOKE ALL ON FUNCTION pgha.lookup(pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgha.lookup(pg_catalog.text) TO pgbouncer;
CREATE TABLE IF NOT EXISTS pgha.converged (one boolean PRIMARY KEY DEFAULT true CHECK (one), sha256 text NOT NULL);
-- Proxies that look passwords up here, each noted by itself (converge/haproxy.sh).
CREATE TABLE IF NOT EXISTS pgha.proxies (address inet PRIMARY KEY);
CREATE OR REPLACE FUNCTION pgha.note_proxy() RETURNS pg_catalog.void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ INSERT INTO pgha.proxies SELECT inet_client_addr() WHERE inet_client_addr() IS NOT NULL ON CONFLICT DO NOTHING $$;
REVOKE ALL ON FUNCTION pgha.note_proxy() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgha.note_proxy() TO pgbouncer;
COMMIT;
${proxiesMoved(plan)}
`;
}

/**
 * Sets psql's variable `moved`, on the database `postgres`: no proxy looks passwords up in the application's database any more, as those
 * of the release before do until they have their new files.
 */
export const proxiesMoved = (plan: Plan): string =>
  `SELECT count(*) = ${plan.haproxy.length} AS moved FROM pgha.proxies
  WHERE host(address) IN (${plan.haproxy.map(({ address }) => `'${address}'`).join(", ")}) \\gset`;

/** The schema that the release before made in the application's database, as a condition there. Its owner may have one of that name. */
export const oldSchema =
  "EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pgha' AND nspowner = to_regrole('postgres'))";

const withoutOld = (name: string) => `SELECT :'moved' AND ${oldSchema} AS old \\gset
\\if :old
BEGIN;
DROP FUNCTION IF EXISTS pgha.lookup(pg_catalog.text);
DROP TABLE IF EXISTS pgha.converged;
DROP SCHEMA pgha;
REVOKE CONNECT ON DATABASE ${name} FROM pgbouncer;
COMMIT;
\\endif
`;
