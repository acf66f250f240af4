import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { haproxySecrets } from "../../../cloud-init/services/haproxy/files";
import { pgbouncerSecrets } from "../../../cloud-init/services/pgbouncer/files";
import type { Shown } from "../../../cloud-init/drift";
import type { File } from "../../../cloud-init/file";
import { nodeFiles } from "../../../cloud-init/node-files";
import { rightsSql } from "../../../cloud-init/services/patroni/rights";
import { clusterSql } from "../../../cloud-init/services/patroni/sql";
import { settingsFromConfig } from "../../../settings/load";
import { loginRoles } from "../../../settings/databases";
import { makePlan, type Node, type Plan } from "../../../settings/plan";
import { roles } from "../../../settings/roles";
import { stackConfig } from "./config";
import { withoutRepositoryFiles } from "./golden-texts";
import { resourceFiles } from "./golden-resources";
import { runIndex, secretMark, type Registered, type Run } from "./program";

/** Where the golden files are: what each change of the code must leave as it is, or show in its diff. */
export const goldenFolder = join(__dirname, "../../golden");

/** The stacks that have golden files: those with committed settings. */
export const goldenStacks = ["dev", "staging", "prod"] as const;

/** Golden files by their path in `goldenFolder`. */
export type Goldens = Map<string, string>;

/** The golden files as the code gives them now. */
export async function renderGoldens(): Promise<Goldens> {
  const goldens: Goldens = new Map();
  for (const stack of goldenStacks) {
    for (const [path, content] of await renderStack(stack, stackConfig(stack)))
      goldens.set(`${stack}/${path}`, content);
  }
  // Two database nodes and one proxy differ in two files by more than the length of a list.
  const nodes = JSON.stringify({ etcd: 3, postgresql: 2, haproxy: 1 });
  const smallest = makePlan(settingsFromConfig({ ...stackConfig("dev"), "pgha:nodes": nodes }, "dev"));
  for (const node of [smallest.postgresql[0]!, smallest.haproxy[0]!]) {
    for (const { path, content } of nodeFiles(smallest, node)) {
      if (/(patroni\.yml|haproxy\.cfg)$/.test(path)) goldens.set(`smallest/${node.name}${path}`, content);
    }
  }
  return goldens;
}

/**
 * Everything a stack is made of: `resources/COMPONENT.yaml`, and the files of every node in `NODE/`. What a role's nodes
 * all have alike exists once, in `ROLE/`: so a change of a setting is shown once.
 */
export async function renderStack(stack: string, config: Record<string, string>): Promise<Goldens> {
  const run = await runIndex(config, { stack });
  const plan = makePlan(settingsFromConfig(config, stack));
  const goldens: Goldens = new Map();
  for (const role of roles) {
    const files = new Map(plan[role].map((node) => [node.name, filesOf(run, plan, node)]));
    const [first, ...others] = [...files.values()];
    for (const [path, content] of first!) {
      if (!others.every((other) => other.get(path) === content)) continue;
      goldens.set(`${role}/${path}`, content);
      for (const own of files.values()) own.delete(path);
    }
    for (const [node, own] of files) for (const [path, content] of own) goldens.set(`${node}/${path}`, content);
  }
  for (const [component, content] of resourceFiles(run)) goldens.set(`resources/${component}.yaml`, content);
  return goldens;
}

/** A node's files by their path on it, and beside them `user-data` and `converge`: what really goes to the machine. */
function filesOf(run: Run, plan: Plan, node: Node): Goldens {
  // Most programs are installed as they are in the repository.
  const rendered = nodeFiles(plan, node).filter(
    ({ content }) => withoutRepositoryFiles(`\n${content}`).split("\n").length > 3,
  );
  const files: Goldens = new Map(
    [...rendered, ...secretFiles(plan, node)].map(({ path, content }) => [
      path.slice(1),
      withoutRepositoryFiles(content),
    ]),
  );
  const text = (name: string, input: string) => String(resource(run, name).inputs[input]);
  files.set("user-data", withoutRepositoryFiles(text(`${node.name}-instance`, "userData")));
  const { script, files: shown } = resource(run, `${node.name}-state`).inputs as unknown as Shown;
  for (const { path, content } of rendered) {
    if (!shown[path]?.startsWith(content)) throw new Error(`the converge step is not given ${path} as it is rendered`);
  }
  const owners = Object.entries(shown).map(([path, text]) => `${path} ${text.trimEnd().split("\n").at(-1)}`);
  files.set("converge", `${withoutRepositoryFiles(script)}\n${owners.join("\n")}\n`);
  return files;
}

/** A node's files with secrets in them, these masked. Its key pair is not a rendered file. */
function secretFiles(plan: Plan, node: Node): File[] {
  if (node.role === "haproxy") return [haproxySecrets(secretMark), pgbouncerSecrets(secretMark)];
  const roles = Object.fromEntries(loginRoles(plan.settings).map(({ name }) => [name, secretMark]));
  const verifiers = { owner: secretMark, user: secretMark, roles };
  if (node.role === "postgresql") return [clusterSql(plan, verifiers), rightsSql(plan, verifiers)];
  return [];
}

/** The resource of this name. */
export function resource(run: Run, name: string): Registered {
  const found = [...run.resources.values()].filter((candidate) => candidate.name === name);
  if (found.length !== 1) throw new Error(`${found.length} resources are named ${name}`);
  return found[0]!;
}

/** The golden files as they are on disk. */
export function readGoldens(): Goldens {
  if (!existsSync(goldenFolder)) return new Map();
  const files = readdirSync(goldenFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const file = join(parentPath, name);
      return [relative(goldenFolder, file), readFileSync(file, "utf8")];
    }),
  );
}

/** Rewrites the golden files. @returns paths of those that are new, changed or gone */
export async function writeGoldens(): Promise<string[]> {
  const [old, goldens] = [readGoldens(), await renderGoldens()];
  const changed = [...new Set([...old.keys(), ...goldens.keys()])].filter(
    (path) => old.get(path) !== goldens.get(path),
  );
  for (const path of changed) {
    const file = join(goldenFolder, path);
    const content = goldens.get(path);
    if (content === undefined) {
      rmSync(file);
    } else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }
  return changed.sort();
}
