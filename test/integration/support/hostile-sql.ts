/** What a hostile owner of a database puts in the way of those who come to it with more rights: SQL that he may run. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../../../ops/env";

/** In the journal of a node: something of the owner's has run as somebody it was not meant for. */
export const mark = "HOSTILE ran as";
/** On a node, when it ran as superuser: it may run programs. */
export const evidenceFile = "/tmp/pgha-hostile";

/** Schemas in which names are looked up, by `"$user"` or as they stand; he may make each of them. */
const schemas = ["public", "postgres", "pgbouncer", "app"];

const operators = ["=", "<>", "<", ">", "<=", ">=", "~", "!~", "||", "+", "-", "*", "->", "->>"];
const operands = "int4 int8 numeric text name oid bool timestamptz interval pg_lsn uuid char json".split(" ");
const domains = "text name timestamptz json jsonb pg_lsn regclass regrole uuid oid".split(" ");

/** Every word in the sources of whatever asks PostgreSQL something: among them are the names of functions and relations it uses. */
function words(): string[] {
  const files = ["ops/**/*.ts", "ops/validate/checks/*.ts", "cloud-init/**/*.{ts,sh,py}"];
  const text = globSync(files, { cwd: checkoutRoot })
    .map((file) => readFileSync(join(checkoutRoot, file), "utf8"))
    .join("\n");
  return [...new Set(text.match(/\b[a-z][a-z0-9_]{2,}\b/g))];
}

const array = (list: string[]) => `ARRAY[${list.map((item) => `'${item}'`).join()}]::text[]`;

/**
 * Functions, operators, aggregates, domains and views of the names and types of PostgreSQL's own that our SQL could mean; where one
 * takes a bigint, also one that takes an integer, which then fits better. Each tells when it runs as anybody but the owner.
 */
export const traps = (owner: string) => `
SET check_function_bodies = off;
SET client_min_messages = error;
CREATE FUNCTION public.trap(VARIADIC allowed text[] DEFAULT '{${owner}}') RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS $trap$
BEGIN
  IF NOT current_user::text = ANY (allowed) OR NOT session_user::text = ANY (allowed) THEN
    RAISE LOG '${mark} % (%)', current_user, session_user;
    BEGIN
      COPY (SELECT 1) TO PROGRAM 'id >>${evidenceFile}';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END IF;
  RETURN true;
END $trap$;
CREATE FUNCTION public.trap_count(bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN PERFORM public.trap(); RETURN $1 OPERATOR(pg_catalog.+) 1; END';
CREATE FUNCTION public.trap_sum(numeric, bigint) RETURNS numeric LANGUAGE plpgsql
  AS 'BEGIN PERFORM public.trap(); RETURN $1 OPERATOR(pg_catalog.+) $2::pg_catalog.numeric; END';
DO $traps$
DECLARE
  home text; name text; one record; variant int; args text; pass text; made int;
  words text[] := ${array(words())};
BEGIN
  SET LOCAL search_path = pg_catalog;
  FOREACH home IN ARRAY ${array(schemas)} LOOP
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', home);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO PUBLIC', home);
    made := 0;
    FOR one IN
      SELECT proname, proretset, prorettype::regtype AS result, proargtypes::oid[] AS types, pronargs
      FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND proname = ANY (words)
        AND provariadic = 0 AND NOT EXISTS (
          SELECT FROM unnest(proargtypes::oid[] || prorettype) AS used JOIN pg_type ON pg_type.oid = used
          WHERE typtype = 'p' AND typname !~ '^any(element|array|nonarray)$')
    LOOP
      -- 0: as it is; n: the nth argument as an integer where it is a bigint.
      FOR variant IN 0 .. one.pronargs LOOP
        CONTINUE WHEN variant > 0 AND one.types[variant - 1] <> 'int8'::regtype;
        SELECT coalesce(string_agg(CASE WHEN n = variant THEN 'integer' ELSE type::regtype::text END, ', ' ORDER BY n), ''),
          coalesce(string_agg('$' || n, ', ' ORDER BY n), '')
        INTO args, pass FROM unnest(one.types) WITH ORDINALITY AS t (type, n);
        BEGIN
          EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS %s%s LANGUAGE plpgsql AS %L', home, one.proname, args,
            CASE WHEN one.proretset THEN 'SETOF ' ELSE '' END, one.result,
            format(CASE WHEN one.proretset THEN 'BEGIN PERFORM public.trap(); RETURN QUERY SELECT pg_catalog.%I(%s); END'
              ELSE 'BEGIN PERFORM public.trap(); RETURN pg_catalog.%I(%s); END' END, one.proname, pass));
          made := made + 1;
        EXCEPTION WHEN OTHERS THEN NULL; -- one that cannot be made so
        END;
      END LOOP;
    END LOOP;
    IF made < 60 THEN RAISE EXCEPTION 'only % functions', made; END IF;

    made := 0;
    FOR one IN
      SELECT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result FROM pg_operator
      WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname = ANY (${array(operators)})
        AND oprleft::regtype::text = ANY (SELECT t::regtype::text FROM unnest(${array(operands)}) AS t)
        AND oprright::regtype::text = ANY (SELECT t::regtype::text FROM unnest(${array(operands)}) AS t)
    LOOP
      made := made + 1;
      EXECUTE format('CREATE FUNCTION %I.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', home, 'trap_operator' || made, one.l,
        one.r, one.result, format('BEGIN PERFORM public.trap(); RETURN $1 OPERATOR(pg_catalog.%s) $2; END', one.oprname));
      EXECUTE format('CREATE OPERATOR %I.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %I.%I)', home, one.oprname, one.l, one.r,
        home, 'trap_operator' || made);
    END LOOP;
    IF made < 100 THEN RAISE EXCEPTION 'only % operators', made; END IF;

    EXECUTE format('CREATE AGGREGATE %I.count(*) (SFUNC = public.trap_count, STYPE = bigint, INITCOND = 0)', home);
    EXECUTE format('CREATE AGGREGATE %I.sum(bigint) (SFUNC = public.trap_sum, STYPE = numeric, INITCOND = 0)', home);
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
      AND relname = ANY (words)
    LOOP
      EXECUTE format('CREATE VIEW %I.%I AS SELECT * FROM pg_catalog.%I WHERE public.trap()', home, name, name);
      EXECUTE format('GRANT SELECT ON %I.%I TO PUBLIC', home, name);
    END LOOP;
    FOREACH name IN ARRAY ${array(domains)} LOOP
      EXECUTE format('CREATE DOMAIN %I.%I AS pg_catalog.%I CHECK (public.trap())', home, name, name);
    END LOOP;
  END LOOP;
END $traps$;
-- Names that checks of ours have used, taken.
CREATE VIEW public.pgha_validation AS SELECT 'x'::pg_catalog.text AS id, now() AS at WHERE public.trap();
CREATE VIEW public.pgha_load AS SELECT 1::bigint AS id WHERE public.trap();
CREATE FUNCTION public.trap_trigger() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN PERFORM public.trap(VARIADIC ARRAY[''${owner}'', ''app'']); RETURN NEW; END';
CREATE FUNCTION public.trap_value(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql
  AS 'BEGIN PERFORM public.trap(VARIADIC ARRAY[''${owner}'', ''app'']); RETURN $1; END';
`;

/** Traps at every table that a check has made and that has none yet. What the application itself sets off there is its own affair. */
export const tableTraps = (owner: string) => `DO $$
DECLARE found regclass; app text := '''${owner}'', ''app''';
BEGIN
  FOR found IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^pgha_'
    AND NOT relhastriggers
  LOOP
    EXECUTE format('CREATE TRIGGER trap BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION public.trap_trigger()', found);
    EXECUTE format('ALTER TABLE %s ADD COLUMN trap1 bigint DEFAULT public.trap_value(1),
      ADD COLUMN trap2 bigint GENERATED ALWAYS AS (public.trap_value(2)) STORED,
      ADD CHECK (public.trap(%s)), ENABLE ROW LEVEL SECURITY', found, app);
    EXECUTE format('CREATE POLICY trap ON %s USING (public.trap(%s)) WITH CHECK (public.trap(%s))', found, app, app);
    EXECUTE format('CREATE INDEX ON %s (public.trap_value(3)) WHERE public.trap_value(4) > 0', found);
    EXECUTE format('CREATE RULE trap AS ON DELETE TO %s DO ALSO SELECT public.trap(%s)', found, app);
  END LOOP;
END $$`;

/** Removes the traps. */
export const clear = `DO $$
DECLARE command text;
BEGIN
  FOR command IN
    SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace WHERE nspname = ANY (${array(schemas.slice(1))})
    UNION ALL SELECT format('DROP VIEW %s', oid::regclass) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
    UNION ALL SELECT format('DROP OPERATOR %s CASCADE', oid::regoperator) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace
    UNION ALL SELECT format('DROP AGGREGATE IF EXISTS %s CASCADE', CASE WHEN pronargs = 0 THEN 'public.count(*)' ELSE oid::regprocedure::text END)
      FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'a'
    UNION ALL SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
    UNION ALL SELECT format('DROP DOMAIN %s CASCADE', oid::regtype) FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'd'
  LOOP
    EXECUTE command;
  END LOOP;
END $$`;

/** What must be refused him: by each he would be more than an owner. */
export const refused = (owner: string, database: string) => [
  "CREATE EVENT TRIGGER trap ON ddl_command_end EXECUTE FUNCTION public.trap_trigger()",
  `ALTER ROLE ${owner} SUPERUSER`,
  `ALTER ROLE app SET search_path = public`,
  "ALTER ROLE ALL SET search_path = public",
  "GRANT pg_execute_server_program TO CURRENT_USER",
  "SET ROLE postgres",
  "SET session_replication_role = replica",
  `ALTER DATABASE ${database} SET session_preload_libraries = 'x'`,
  `ALTER DATABASE ${database} SET log_min_messages = panic`,
  `ALTER DATABASE ${database} RENAME TO other`,
  "ALTER SYSTEM SET archive_command = 'id'",
  "COPY (SELECT 1) TO PROGRAM 'id'",
  "CREATE FUNCTION public.c() RETURNS int LANGUAGE c AS 'libc', 'getpid'",
  "CREATE EXTENSION file_fdw",
  "CREATE FUNCTION pg_catalog.other() RETURNS int LANGUAGE sql AS 'SELECT 1'",
];
