-- Written by pgha. Run by the leader as postgres, on the database postgres, in a session that logs no statement
-- (`superuser_options` in converge/postgresql.sh): there are verifiers in these.
SET search_path = pg_catalog, pg_temp;
SELECT 'CREATE ROLE app_owner' WHERE to_regrole('app_owner') IS NULL \gexec
SELECT 'CREATE ROLE app' WHERE to_regrole('app') IS NULL \gexec
SELECT 'CREATE ROLE pgbouncer' WHERE to_regrole('pgbouncer') IS NULL \gexec
ALTER ROLE app_owner LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOCREATEDB NOREPLICATION PASSWORD '[secret]';
ALTER ROLE app LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOCREATEDB NOREPLICATION PASSWORD '[secret]';
ALTER ROLE pgbouncer LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOCREATEDB NOREPLICATION PASSWORD NULL;
BEGIN;
GRANT CONNECT ON DATABASE postgres TO pgbouncer;
CREATE SCHEMA IF NOT EXISTS pgha;
REVOKE ALL ON SCHEMA pgha FROM PUBLIC;
GRANT USAGE ON SCHEMA pgha TO pgbouncer;
-- PgBouncer asks for the verifier of whoever logs in. It gets those of the roles that come through it, and only a SCRAM verifier:
-- where there is none PgBouncer takes the word md5 for the password.
CREATE OR REPLACE FUNCTION pgha.lookup(login pg_catalog.text, OUT name pg_catalog.text, OUT verifier pg_catalog.text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ SELECT rolname::text, rolpassword FROM pg_catalog.pg_authid
        WHERE rolname = login AND rolname IN ('app_owner', 'app')
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
SELECT count(*) = 2 AS moved FROM pgha.proxies
  WHERE host(address) IN ('10.101.0.22', '10.101.1.22') \gset
DO $do$ DECLARE used text; BEGIN
  SELECT string_agg(format('database %I is to be dropped, but %s sessions use it', name, sessions), '; ') INTO used
    FROM (SELECT name, (SELECT count(*) FROM pg_stat_activity WHERE datname = name AND backend_type IN ('client backend', 'walsender')) AS sessions
          FROM pgha.databases WHERE on_removal = 'drop' AND name <> ALL (ARRAY['app']::text[])) AS databases WHERE sessions > 0;
  IF used IS NOT NULL THEN RAISE EXCEPTION USING MESSAGE = used || '; end them, or write it with onRemoval: keep again'; END IF;
END $do$;
SELECT format('DROP DATABASE IF EXISTS %I', name) FROM pgha.databases WHERE on_removal = 'drop' AND name <> ALL (ARRAY['app']::text[]) \gexec
SELECT 'CREATE DATABASE app OWNER app_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'app') \gexec
REVOKE CONNECT, TEMPORARY ON DATABASE app FROM PUBLIC;
SELECT format('ALTER ROLE %I NOLOGIN', rolname) FROM pgha.roles JOIN pg_roles ON rolname = name
  WHERE rolcanlogin AND name <> ALL (ARRAY['app_owner', 'app']::text[]) \gexec
SELECT coalesce(string_agg(name, ',') FILTER (WHERE may ? 'app' AND may->>'app' IS DISTINCT FROM '{}'::jsonb->>name), '') AS changed_0
  FROM pgha.roles WHERE name = ANY (ARRAY[]::text[]) \gset
\connect app
SET search_path = pg_catalog, pg_temp; -- nothing the owner has made there stands for a name below
BEGIN;
-- The owner makes tables; others work with the rows of all of them, present and future.
CREATE SCHEMA IF NOT EXISTS public; -- he may have dropped it
ALTER SCHEMA public OWNER TO app_owner;
SELECT format(statement, schema, role) FROM unnest(ARRAY['public']::text[]) AS schema, unnest(string_to_array(:'changed_0', ',')) AS role,
  unnest(ARRAY['REVOKE CONNECT, TEMPORARY ON DATABASE app FROM %2$I',
    'REVOKE USAGE ON SCHEMA %1$I FROM %2$I',
    'REVOKE SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1$I FROM %2$I',
    'REVOKE USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %1$I FROM %2$I',
    'ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA %1$I REVOKE SELECT, INSERT, UPDATE, DELETE ON TABLES FROM %2$I',
    'ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA %1$I REVOKE USAGE, SELECT ON SEQUENCES FROM %2$I']) AS statement \gexec
GRANT CONNECT, TEMPORARY ON DATABASE app TO app;
GRANT USAGE ON SCHEMA public TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO app;
COMMIT;
SELECT :'moved' AND EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pgha' AND nspowner = to_regrole('postgres')) AS old \gset
\if :old
BEGIN;
DROP FUNCTION IF EXISTS pgha.lookup(pg_catalog.text);
DROP TABLE IF EXISTS pgha.converged;
DROP SCHEMA pgha;
REVOKE CONNECT ON DATABASE app FROM pgbouncer;
COMMIT;
\endif
\connect postgres
SET search_path = pg_catalog, pg_temp;
BEGIN;
DELETE FROM pgha.databases;
DELETE FROM pgha.roles;
INSERT INTO pgha.converged (sha256) VALUES (:'sha256') ON CONFLICT (one) DO UPDATE SET sha256 = excluded.sha256;
COMMIT;
