/** The clients of the matrix: their programs, made ready from pinned packages. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../../../ops/env";
import { pythonProgram } from "../../../scripts/setup/python";
import { run } from "../../../simulator/stack";

/** A client of the matrix. */
export interface Program {
  /** As the table calls it. */
  name: string;
  /** `pgha env --for`. */
  kind: string;
  command: string[];
  cwd: string;
}

const sources = join(checkoutRoot, "test", "integration", "support", "clients");
/** Copies, packages and what is compiled; it stays, so that a second run has little to do. */
const folder = join(checkoutRoot, ".pgha", "clients-matrix");

async function must(cwd: string, command: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(command, args, { cwd });
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
}

/** A copy of a language's sources. */
function copied(language: string): string {
  const copy = join(folder, language);
  mkdirSync(copy, { recursive: true });
  cpSync(join(sources, language), copy, { recursive: true, preserveTimestamps: true });
  return copy;
}

/** Does something unless it was done for the same text. */
async function unlessDone(cwd: string, text: string, deed: () => Promise<void>): Promise<void> {
  const mark = join(cwd, ".done");
  if (existsSync(mark) && readFileSync(mark, "utf8") === text) return;
  await deed();
  writeFileSync(mark, text);
}

async function node(): Promise<Program[]> {
  const cwd = copied("node");
  const examples = join(checkoutRoot, "docs", "clients");
  for (const name of ["pool.ts", "retry.ts", "node-postgres.ts", "prisma", "prisma.config.ts", "tsconfig.json"])
    cpSync(join(examples, name), join(cwd, name), { recursive: true, preserveTimestamps: true });
  const lock = readFileSync(join(cwd, "package-lock.json"), "utf8");
  const schema = readFileSync(join(cwd, "prisma", "schema.prisma"), "utf8");
  await unlessDone(cwd, lock + schema, async () => {
    await must(cwd, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error");
    // Generating asks for an engine that it has no use for: any program will do.
    const env = ["PRISMA_SCHEMA_ENGINE_BINARY=/bin/true", "CHECKPOINT_DISABLE=1"];
    await must(cwd, "env", ...env, join(cwd, "node_modules", ".bin", "prisma"), "generate");
  });
  const tsx = join(checkoutRoot, "node_modules", "tsx", "dist", "loader.mjs");
  return [
    ["node-postgres", "node"],
    ["Knex", "node"],
    ["postgres (porsager)", "postgresjs"],
    ["Prisma", "prisma"],
  ].map(([name, kind]) => {
    const adapter = name === "postgres (porsager)" ? "postgresjs" : name!.toLowerCase();
    return { name: name!, kind: kind!, command: ["node", "--import", tsx, "main.mjs", adapter], cwd };
  });
}

function python(): Promise<Program[]> {
  const cwd = copied("python");
  const environment = { name: "client-drivers", why: "drivers", requirements: join(cwd, "requirements.txt") };
  const program = pythonProgram(environment, "python");
  return Promise.resolve(
    [
      ["psycopg 3", "python", "psycopg"],
      ["psycopg2", "python", "psycopg2"],
      ["asyncpg", "python", "asyncpg"],
      ["SQLAlchemy", "sqlalchemy", "sqlalchemy"],
      ["Django", "django", "django"],
    ].map(([name, kind, adapter]) => ({ name: name!, kind: kind!, command: [program, "main.py", adapter!], cwd })),
  );
}

async function go(): Promise<Program[]> {
  const cwd = copied("go");
  await must(cwd, "go", "build", "-o", "clients", ".");
  return ["pgx", "lib/pq"].map((name) => ({
    name,
    kind: name === "pgx" ? "go" : name,
    command: [join(cwd, "clients"), name],
    cwd,
  }));
}

async function java(): Promise<Program[]> {
  const cwd = copied("java");
  const jars = join(cwd, "lib");
  await unlessDone(cwd, readFileSync(join(cwd, "pom.xml"), "utf8"), () =>
    must(cwd, "mvn", "-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${jars}`),
  );
  await must(cwd, "javac", "-cp", `${jars}/*`, "-d", "classes", "Main.java");
  return [{ name: "JDBC, HikariCP", kind: "jdbc", command: ["java", "-cp", `classes:${jars}/*`, "Main", "jdbc"], cwd }];
}

async function rust(): Promise<Program[]> {
  const cwd = copied("rust");
  await must(cwd, "cargo", "build", "--locked", "--quiet");
  const program = join(cwd, "target", "debug", "clients");
  return ["tokio-postgres", "sqlx"].map((name) => ({ name, kind: "rust", command: [program, name], cwd }));
}

/** Builds all of them. */
export async function programs(): Promise<Program[]> {
  const psql = { name: "psql", kind: "psql", command: ["bash", "main.sh"], cwd: join(sources, "psql") };
  return [psql, ...(await Promise.all([node(), python(), go(), java(), rust()])).flat()];
}
