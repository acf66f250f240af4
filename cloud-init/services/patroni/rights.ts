import { createHash } from "node:crypto";
import type { Plan } from "../../../settings/plan";
import type { File } from "../../file";
import { oldSchema, proxiesMoved, type Verifiers } from "./sql";

/**
 * What of `clusterSql` is no longer so, as SQL that prints a line for each fault and changes nothing. The database's owner may have
 * dropped the schema (`DROP SCHEMA public CASCADE` is what `prisma migrate reset` does) or the database itself. Rights on single
 * tables are his to give and take. Verifiers are compared by checksum: nothing here is worth hiding, even from a log.
 */
export function rightsSql(plan: Plan, verifiers: Verifiers): File {
  const { name, owner, user } = plan.settings.database;
  const sum = (text: string) => createHash("sha256").update(text).digest("hex");
  const role = (login: string, verifier: string): [string, string][] => [
    [
      `EXISTS (SELECT FROM pg_authid WHERE rolname = '${login}' AND rolcanlogin AND NOT rolsuper)`,
      `role ${login} may not log in, or is a superuser`,
    ],
    [
      `EXISTS (SELECT FROM pg_authid WHERE rolname = '${login}' AND encode(sha256(rolpassword::bytea), 'hex') = '${sum(verifier)}')`,
      `role ${login} has another password than the stack's outputs say`,
    ],
  ];
  const publicSchema = "to_regnamespace('public')";
  const database = `(SELECT oid FROM pg_database WHERE datname = '${name}')`;
  const mayConnect = (login: string) => `has_database_privilege(to_regrole('${login}'), ${database}, 'CONNECT')`;
  const given = (
    kind: "r" | "S",
    rights: string[],
  ) => `(SELECT count(DISTINCT privilege_type) FROM pg_default_acl, aclexplode(defaclacl)
    WHERE defaclrole = to_regrole('${owner}') AND defaclnamespace = ${publicSchema} AND defaclobjtype = '${kind}'
      AND grantee = to_regrole('${user}') AND privilege_type IN (${rights.map((right) => `'${right}'`).join(", ")})) = ${rights.length}`;
  const facts: [string, string][] = [
    ...role(owner, verifiers.owner),
    ...role(user, verifiers.user),
    [
      `(SELECT datdba FROM pg_database WHERE datname = '${name}') = to_regrole('${owner}')`,
      `database ${name} does not belong to ${owner}`,
    ],
    [mayConnect(user), `role ${user} may not connect to database ${name}`],
    [
      `(SELECT datacl IS NOT NULL AND NOT EXISTS (SELECT FROM aclexplode(datacl) WHERE grantee = 0) FROM pg_database WHERE datname = '${name}')`,
      `every role may connect to database ${name}`,
    ],
    [
      `(SELECT nspowner FROM pg_namespace WHERE oid = ${publicSchema}) = to_regrole('${owner}')`,
      `schema public of database ${name} is missing or does not belong to ${owner}`,
    ],
    [
      `has_schema_privilege(to_regrole('${user}'), ${publicSchema}, 'USAGE')`,
      `role ${user} may not use schema public of database ${name}`,
    ],
    [
      `${given("r", ["SELECT", "INSERT", "UPDATE", "DELETE"])} AND ${given("S", ["USAGE", "SELECT"])}`,
      `role ${user} gets no rights to tables that ${owner} makes in schema public of database ${name}`,
    ],
    [
      `NOT (:'moved' AND ${oldSchema})`,
      `database ${name} still has the schema pgha, which a release before made there`,
    ],
  ];
  const lookup: [string, string] = [
    `has_database_privilege(to_regrole('pgbouncer'), current_database(), 'CONNECT')
      AND has_schema_privilege(to_regrole('pgbouncer'), to_regnamespace('pgha'), 'USAGE')
      AND has_function_privilege(to_regrole('pgbouncer'), to_regprocedure('pgha.lookup(pg_catalog.text)'), 'EXECUTE')`,
    "PgBouncer cannot look passwords up in database postgres: nobody can log in to the pooled port",
  ];
  const content = `-- Written by pgha. Prints what database and roles lack of what cluster.sql gives them, a line each. On the database postgres.
${check([lookup])}
SELECT to_regclass('pgha.proxies') IS NOT NULL AS noted \\gset
\\if :noted
${proxiesMoved(plan)}
\\else
\\set moved f
\\endif
\\connect ${name}
${check(facts)}
`;
  return { path: "/etc/patroni/rights.sql", owner: "root:postgres", mode: "0640", content };
}

/** Prints what is said of each fact that does not hold. */
function check(facts: [string, string][]): string {
  const rows = facts.map(([fact, said]) => `  (${fact},\n    '${said.replaceAll("'", "''")}')`).join(",\n");
  return `SELECT said FROM (VALUES\n${rows}\n) AS facts (holds, said) WHERE holds IS NOT TRUE;`;
}
