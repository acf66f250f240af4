-- Written by pgha. Prints what databases and roles lack of what cluster.sql gives them, a line each. On the database postgres.
SELECT said FROM (VALUES
  (has_database_privilege(to_regrole('pgbouncer'), current_database(), 'CONNECT')
      AND has_schema_privilege(to_regrole('pgbouncer'), to_regnamespace('pgha'), 'USAGE')
      AND has_function_privilege(to_regrole('pgbouncer'), to_regprocedure('pgha.lookup(pg_catalog.text)'), 'EXECUTE'),
    'PgBouncer cannot look passwords up in database postgres: nobody can log in to the pooled port'),
  (EXISTS (SELECT FROM pg_authid WHERE rolname = 'app_owner' AND rolcanlogin AND NOT rolsuper),
    'role app_owner may not log in, or is a superuser'),
  (EXISTS (SELECT FROM pg_authid WHERE rolname = 'app_owner' AND encode(sha256(rolpassword::bytea), 'hex') = 'edc9152cd2aa140c6b41a7112417f32da1f2d07893acad3f491e4518b84bda9a'),
    'role app_owner has another password than the stack''s outputs say'),
  (EXISTS (SELECT FROM pg_authid WHERE rolname = 'app' AND rolcanlogin AND NOT rolsuper),
    'role app may not log in, or is a superuser'),
  (EXISTS (SELECT FROM pg_authid WHERE rolname = 'app' AND encode(sha256(rolpassword::bytea), 'hex') = 'edc9152cd2aa140c6b41a7112417f32da1f2d07893acad3f491e4518b84bda9a'),
    'role app has another password than the stack''s outputs say'),
  ((SELECT datdba FROM pg_database WHERE datname = 'app') = to_regrole('app_owner'),
    'database app does not exist, or does not belong to app_owner'),
  (has_database_privilege(to_regrole('app'), (SELECT oid FROM pg_database WHERE datname = 'app'), 'CONNECT'),
    'role app may not connect to database app'),
  ((SELECT datacl IS NOT NULL AND NOT EXISTS (SELECT FROM aclexplode(datacl) WHERE grantee = 0) FROM pg_database WHERE datname = 'app'),
    'every role may connect to database app')
) AS facts (holds, said) WHERE holds IS NOT TRUE;
SELECT to_regclass('pgha.proxies') IS NOT NULL AS noted \gset
\if :noted
SELECT count(*) = 2 AS moved FROM pgha.proxies
  WHERE host(address) IN ('10.101.0.22', '10.101.1.22') \gset
\else
\set moved f
\endif
\connect app
SELECT said FROM (VALUES
  ((SELECT nspowner FROM pg_namespace WHERE oid = to_regnamespace('public')) = to_regrole('app_owner'),
    'schema public of database app is missing or does not belong to app_owner'),
  (has_schema_privilege(to_regrole('app'), to_regnamespace('public'), 'USAGE'),
    'role app may not use schema public of database app'),
  ((SELECT count(DISTINCT privilege_type) FROM pg_default_acl, aclexplode(defaclacl)
    WHERE defaclrole = to_regrole('app_owner') AND defaclnamespace = to_regnamespace('public') AND defaclobjtype = 'r'
      AND grantee = to_regrole('app') AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')) = 4 AND (SELECT count(DISTINCT privilege_type) FROM pg_default_acl, aclexplode(defaclacl)
    WHERE defaclrole = to_regrole('app_owner') AND defaclnamespace = to_regnamespace('public') AND defaclobjtype = 'S'
      AND grantee = to_regrole('app') AND privilege_type IN ('USAGE', 'SELECT')) = 2,
    'role app gets no rights to tables that app_owner makes in schema public of database app'),
  (NOT (:'moved' AND EXISTS (SELECT FROM pg_namespace WHERE nspname = 'pgha' AND nspowner = to_regrole('postgres'))),
    'database app still has the schema pgha, which a release before made there')
) AS facts (holds, said) WHERE holds IS NOT TRUE;
