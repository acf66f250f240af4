import { createHash } from "node:crypto";
import { databasesOf, type Database } from "../../../settings/databases";
import type { Plan } from "../../../settings/plan";
import type { File } from "../../file";
import { given } from "./databases";
import { oldSchema, proxiesMoved } from "./ours";
import { literal } from "./quote";
import type { Verifiers } from "./scram";

/** What has to hold, as SQL, and what is said when it does not. */
type Fact = [holds: string, said: string];

/**
 * What of `clusterSql` is no longer so, as SQL that prints a line for each fault and changes nothing. The database's owner may have
 * dropped the schema (`DROP SCHEMA public CASCADE` is what `prisma migrate reset` does) or the database itself. Rights on single
 * tables are his to give and take. Verifiers are compared by checksum: nothing here is worth hiding, even from a log.
 */
export function rightsSql(plan: Plan, verifiers: Verifiers): File {
  const { settings } = plan;
  const { owner, user, name } = settings.database;
  const databases = databasesOf(settings);
  const lookup: Fact = [
    `has_database_privilege(to_regrole('pgbouncer'), current_database(), 'CONNECT')
      AND has_schema_privilege(to_regrole('pgbouncer'), to_regnamespace('pgha'), 'USAGE')
      AND has_function_privilege(to_regrole('pgbouncer'), to_regprocedure('pgha.lookup(pg_catalog.text)'), 'EXECUTE')`,
    "PgBouncer cannot look passwords up in database postgres: nobody can log in to the pooled port",
  ];
  const facts = [
    lookup,
    ...Object.entries({ [owner]: verifiers.owner, [user]: verifiers.user, ...verifiers.roles }).flatMap(roleFacts),
    ...databases.flatMap(doorFacts),
  ];
  const old: Fact = [
    `NOT (:'moved' AND ${oldSchema})`,
    `database ${name} still has the schema pgha, which a release before made there`,
  ];
  const content = `-- Written by pgha. Prints what databases and roles lack of what cluster.sql gives them, a line each. On the database postgres.
${check(facts)}SELECT to_regclass('pgha.proxies') IS NOT NULL AS noted \\gset
\\if :noted
${proxiesMoved(plan)}\\else
\\set moved f
\\endif
${databases.map((one, index) => `\\connect ${one.name}\n${check([...insideFacts(one), ...(index === 0 ? [old] : [])])}`).join("")}`;
  return { path: "/etc/patroni/rights.sql", owner: "root:postgres", mode: "0640", content };
}

/** Prints what is said of each fact that does not hold. */
function check(facts: Fact[]): string {
  const rows = facts.map(([fact, said]) => `  (${fact},\n    ${literal(said)})`).join(",\n");
  return `SELECT said FROM (VALUES\n${rows}\n) AS facts (holds, said) WHERE holds IS NOT TRUE;\n`;
}

function roleFacts([login, verifier]: [string, string]): Fact[] {
  const sum = createHash("sha256").update(verifier).digest("hex");
  return [
    [
      `EXISTS (SELECT FROM pg_authid WHERE rolname = '${login}' AND rolcanlogin AND NOT rolsuper)`,
      `role ${login} may not log in, or is a superuser`,
    ],
    [
      `EXISTS (SELECT FROM pg_authid WHERE rolname = '${login}' AND encode(sha256(rolpassword::bytea), 'hex') = '${sum}')`,
      `role ${login} has another password than the stack's outputs say`,
    ],
  ];
}

/** What all databases know of one. */
function doorFacts({ name, owner, rights }: Database): Fact[] {
  const database = `(SELECT oid FROM pg_database WHERE datname = '${name}')`;
  return [
    [
      `(SELECT datdba FROM pg_database WHERE datname = '${name}') = to_regrole('${owner}')`,
      `database ${name} does not exist, or does not belong to ${owner}`,
    ],
    ...rights.map(({ role }): Fact => [
      `has_database_privilege(to_regrole('${role}'), ${database}, 'CONNECT')`,
      `role ${role} may not connect to database ${name}`,
    ]),
    [
      `(SELECT datacl IS NOT NULL AND NOT EXISTS (SELECT FROM aclexplode(datacl) WHERE grantee = 0) FROM pg_database WHERE datname = '${name}')`,
      `every role may connect to database ${name}`,
    ],
  ];
}

/** What only it knows itself. */
function insideFacts({ name, owner, schemas, extensions, rights }: Database): Fact[] {
  return [
    ...schemas.flatMap((schema): Fact[] => {
      const named = `schema ${schema} of database ${name}`;
      return [
        [
          `(SELECT nspowner FROM pg_namespace WHERE oid = to_regnamespace('${schema}')) = to_regrole('${owner}')`,
          `${named} is missing or does not belong to ${owner}`,
        ],
        ...rights.flatMap(({ role, may }): Fact[] => [
          [
            `has_schema_privilege(to_regrole('${role}'), to_regnamespace('${schema}'), 'USAGE')`,
            `role ${role} may not use ${named}`,
          ],
          [
            `${defaults(owner, schema, role, "r", given[may].tables)} AND ${defaults(owner, schema, role, "S", given[may].sequences)}`,
            `role ${role} gets no rights to tables that ${owner} makes in ${named}`,
          ],
        ]),
      ];
    }),
    ...extensions.map((extension): Fact => [
      `EXISTS (SELECT FROM pg_extension WHERE extname = '${extension}')`,
      `database ${name} has no extension ${extension}`,
    ]),
  ];
}

const defaults = (owner: string, schema: string, role: string, kind: "r" | "S", rights: readonly string[]) =>
  `(SELECT count(DISTINCT privilege_type) FROM pg_default_acl, aclexplode(defaclacl)
    WHERE defaclrole = to_regrole('${owner}') AND defaclnamespace = to_regnamespace('${schema}') AND defaclobjtype = '${kind}'
      AND grantee = to_regrole('${role}') AND privilege_type IN (${rights.map(literal).join(", ")})) = ${rights.length}`;
