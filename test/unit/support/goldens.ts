import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { haproxySecrets } from "../../../cloud-init/haproxy";
import type { File } from "../../../cloud-init/file";
import { programs } from "../../../cloud-init/program";
import { clusterSql } from "../../../cloud-init/sql";
import { imageAlias } from "../../../components/incus/image";
import { settingsFromConfig } from "../../../components/load-settings";
import { nodeFiles } from "../../../cloud-init/node-files";
import { makePlan, roles, type Node, type Plan } from "../../../components/plan";
import { stackConfig } from "./config";
import { runIndex, secretMark, type Registered, type Run } from "./program";

/** Where the golden files are: what each change of the code must leave as it is, or show in its diff. */
export const goldenFolder = join(__dirname, "../../golden");

/** Golden files by their path in `goldenFolder`. */
export type Goldens = Map<string, string>;

/** The golden files as the code gives them now. */
export async function renderGoldens(): Promise<Goldens> {
  const config = stackConfig("dev");
  const run = await runIndex(config);
  const goldens: Goldens = new Map();
  const plan = makePlan(settingsFromConfig(config, "dev"));
  for (const role of roles) {
    const node = plan[role][0]!;
    // Programs are installed as they are in the repository; the converge command below has them.
    const rendered = nodeFiles(plan, node).filter(({ path }) => !path.startsWith(programs));
    addFiles(goldens, `dev/${node.name}`, [...rendered, ...secretFiles(plan, node)]);
    // As registered: what really goes to the machine.
    goldens.set(`dev/${node.name}/user-data`, String(resource(run, `${node.name}-instance`).inputs.userData));
    goldens.set(`dev/${node.name}/converge`, `${String(resource(run, `${node.name}-converge`).inputs.create)}\n`);
  }
  goldens.set("dev/resources.json", graph(run, goldens));

  const nodes = JSON.stringify({ etcd: 3, postgresql: 2, haproxy: 1 });
  const smallest = makePlan(settingsFromConfig({ ...config, "pgha:nodes": nodes }, "dev"));
  for (const node of [smallest.postgresql[0]!, smallest.haproxy[0]!]) {
    const shaped = nodeFiles(smallest, node).filter(({ path }) => /(patroni\.yml|haproxy\.cfg)$/.test(path));
    addFiles(goldens, `smallest/${node.name}`, shaped);
  }
  return goldens;
}

function addFiles(goldens: Goldens, folder: string, files: File[]): void {
  for (const { path, content } of files) goldens.set(folder + path, content);
}

/** A node's files with secrets in them, these masked. Its key pair is no rendered file. */
function secretFiles(plan: Plan, node: Node): File[] {
  if (node.role === "haproxy") return [haproxySecrets(secretMark)];
  if (node.role === "postgresql") return [clusterSql(plan, { owner: secretMark, user: secretMark })];
  return [];
}

/** The resource of this name. */
export function resource(run: Run, name: string): Registered {
  const found = [...run.resources.values()].filter((candidate) => candidate.name === name);
  if (found.length !== 1) throw new Error(`${found.length} resources are named ${name}`);
  return found[0]!;
}

/** All resources as JSON, in an order of their own, with references by name. */
function graph(run: Run, goldens: Goldens): string {
  const nameOf = (urn: string) => run.resources.get(urn)?.name ?? urn;
  const resources = [...run.resources.values()]
    .sort((a, b) => (a.urn < b.urn ? -1 : 1))
    .map(({ type, name, parent, inputs, outputs, dependencies, deletedWith }) => ({
      type,
      name,
      parent: parent ? nameOf(parent) : undefined,
      inputs: Object.keys(inputs).length > 0 ? brief(inputs, goldens) : undefined,
      outputs: outputs && brief(outputs, goldens),
      dependencies: dependencies.length > 0 ? dependencies.map(nameOf).sort() : undefined,
      deletedWith: deletedWith ? nameOf(deletedWith) : undefined,
    }));
  return `${JSON.stringify(resources, null, 2)}\n`;
}

/** A value with long texts replaced by what tells them apart, keys sorted. */
function brief(value: unknown, goldens: Goldens): unknown {
  if (Array.isArray(value)) return value.map((item) => brief(item, goldens));
  if (value && typeof value === "object") {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, item]) => [key, brief(item, goldens)]));
  }
  if (typeof value !== "string") return value;
  // The image is named after a hash of everything that goes into it, a file's hash stands for a file that is golden itself.
  if (value === imageAlias()) return "[image]";
  if (/^[0-9a-f]{64}$/.test(value)) return "[sha256]";
  const lines = value.split("\n").length;
  if (lines < 10) return value;
  const same = [...goldens].find(([, content]) => content === value || content === `${value}\n`);
  if (same) return `[text of ${same[0]}]`;
  return `[text of ${lines} lines, sha256 ${createHash("sha256").update(value).digest("hex").slice(0, 12)}]`;
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

/** Writes the golden files anew. @returns paths of those that are new, changed or gone */
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
