import type { Plan } from "../components/plan";
import type { File } from "./file";

/** Password verifiers of the roles that log in with a password. */
export interface Verifiers {
  owner: string;
  user: string;
}

/**
 * Roles, database and rights, as SQL for psql that may run any number of times. The leader runs it; its last statement
 * leaves the file's hash in `pgha.converged`, by which every node sees that it has been run and has reached it.
 */
export function clusterSql(plan: Plan, verifiers: Verifiers): File {
  const { name, owner, user } = plan.settings.database;
  const content = `-- Written by pgha. Run by the leader as postgres, on the database postgres.
SET log_min_error_statement = panic; -- a failing statement with a verifier in it must not reach the journal
SELECT 'CREATE ROLE ${owner}' WHERE to_regrole('${owner}') IS NULL \\gexec
SELECT 'CREATE ROLE ${user}' WHERE to_regrole('${user}') IS NULL \\gexec
SELECT 'CREATE ROLE pgbouncer' WHERE to_regrole('pgbouncer') IS NULL \\gexec
ALTER ROLE ${owner} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${verifiers.owner}';
ALTER ROLE ${user} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '${verifiers.user}';
ALTER ROLE pgbouncer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL;
SELECT 'CREATE DATABASE ${name} OWNER ${owner}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${name}') \\gexec
REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE ${name} TO ${user};
GRANT CONNECT ON DATABASE ${name} TO pgbouncer;
\\connect ${name}
BEGIN;
-- The owner makes tables; the application's user works with the rows of all of them, present and future.
ALTER SCHEMA public OWNER TO ${owner};
GRANT USAGE ON SCHEMA public TO ${user};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${user};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${user};
ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${user};
ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO ${user};
CREATE SCHEMA IF NOT EXISTS pgha;
REVOKE ALL ON SCHEMA pgha FROM PUBLIC;
GRANT USAGE ON SCHEMA pgha TO pgbouncer;
-- PgBouncer asks for the verifier of whoever logs in; never for a superuser's.
CREATE OR REPLACE FUNCTION pgha.lookup(login text, OUT name text, OUT verifier text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
  AS $$ SELECT rolname::text, rolpassword FROM pg_authid
        WHERE rolname = login AND rolcanlogin AND NOT rolsuper AND NOT rolreplication
          AND (rolvaliduntil IS NULL OR rolvaliduntil > now()) $$;
REVOKE ALL ON FUNCTION pgha.lookup(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgha.lookup(text) TO pgbouncer;
CREATE TABLE IF NOT EXISTS pgha.converged (one boolean PRIMARY KEY DEFAULT true CHECK (one), sha256 text NOT NULL);
INSERT INTO pgha.converged (sha256) VALUES (:'sha256') ON CONFLICT (one) DO UPDATE SET sha256 = excluded.sha256;
COMMIT;
`;
  return { path: "/etc/patroni/cluster.sql", owner: "root:postgres", mode: "0640", content };
}
