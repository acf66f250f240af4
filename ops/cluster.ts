import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import type { ClusterOutput, ClusterOutputs, NodeOutput } from "../components/outputs";
import type { Role } from "../settings/roles";
import { caPath } from "../settings/tls";
import { checkoutRoot, pulumiEnv, stateDir } from "./env";
import { OpsError } from "./errors";
import { run, type Finished, type RunOptions } from "./process";

/** The stack's outputs with their values: all that the operator's commands know of a cluster. */
export type StackOutputs = {
  [K in keyof ClusterOutputs]: NonNullable<ClusterOutputs[K]> extends pulumi.Output<infer T> ? T : never;
};

/** What of a running cluster is known without its secrets. */
export interface Known {
  stack: string;
  /** The stack's output `cluster`. */
  facts: ClusterOutput;
  nodes: NodeOutput[];
  /** Folder for this stack's working files (SSH configuration, passwords); kept from other users. */
  folder: string;
}

/** A running cluster, known by its stack's outputs. */
export interface Cluster extends Known {
  /** The stack's other outputs. */
  outputs: Omit<StackOutputs, "cluster">;
}

/** Starts a program: the seam for tests. */
export type Exec = (command: string, args: string[], options: RunOptions) => Promise<Finished>;

/** Nodes of a role, in the order of their names. */
export const nodesOf = (cluster: Known, role: Role) => cluster.nodes.filter((node) => node.role === role);

/** The node of that name. @throws OpsError naming those there are */
export function nodeNamed(cluster: Known, name: string): NodeOutput {
  const node = cluster.nodes.find((candidate) => candidate.name === name);
  if (!node) {
    throw new OpsError(
      `stack ${cluster.stack} has no node '${name}'; it has ${cluster.nodes.map((n) => n.name).join(", ")}`,
    );
  }
  return node;
}

/**
 * Reads a stack's outputs by the Pulumi CLI, from whichever backend the project uses.
 * @throws OpsError when Pulumi or the stack is missing, or the stack has not been brought up
 */
export async function readOutputs(stack: string, exec: Exec = run): Promise<StackOutputs> {
  const args = ["stack", "output", "--json", "--show-secrets", "--non-interactive", "--stack", stack];
  const result = await exec("pulumi", args, { cwd: checkoutRoot, env: pulumiEnv(), timeout: 120_000 }).catch(
    (error) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw new OpsError("pulumi was not found; `npm run setup` installs it");
    },
  );
  if (result.code !== 0) throw new OpsError(whyNoOutputs(stack, result));
  return checkOutputs(stack, result.stdout);
}

function whyNoOutputs(stack: string, { code, stderr }: Finished): string {
  if (code === null) return "pulumi did not answer within 120 s; is its backend reachable?";
  if (/no stack named|stack .* not found/i.test(stderr)) {
    return `there is no stack '${stack}'; \`npm run up -- --stack ${stack}\` makes it, \`--stack NAME\` chooses another`;
  }
  if (/passphrase/i.test(stderr)) {
    return `pulumi cannot decrypt stack '${stack}': set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE`;
  }
  const said = stderr.trim().replace(/^error: /, "");
  return `pulumi could not read stack '${stack}': ${said}`;
}

function checkOutputs(stack: string, text: string): StackOutputs {
  const up = `bring it up with \`npm run up -- --stack ${stack}\``;
  let outputs: Partial<StackOutputs>;
  try {
    outputs = JSON.parse(text);
  } catch {
    throw new OpsError(`pulumi answered for stack '${stack}' with something that is not JSON`);
  }
  if (Object.keys(outputs).length === 0) throw new OpsError(`stack '${stack}' has no cluster yet; ${up}`);
  const needed = [
    "cluster",
    "ssh",
    "caCertificate",
    "writeUrl",
    "readUrl",
    "pooledUrl",
    "ownerUrl",
    "statsPassword",
  ] as const;
  const missing = needed.filter((key) => outputs[key] === undefined);
  if (missing.length > 0) throw new OpsError(`stack '${stack}' lacks the outputs ${missing.join(", ")}; ${up}`);
  return outputs as StackOutputs;
}

/** Loads a cluster and writes its working files. */
export async function loadCluster(stack: string, exec: Exec = run): Promise<Cluster> {
  if (!/^\w[\w.-]*(\/\w[\w.-]*){0,2}$/.test(stack)) throw new OpsError(`'${stack}' is not a stack name`);
  const { cluster: facts, ...outputs } = await readOutputs(stack, exec);
  const cluster: Cluster = { ...knownBy(stack, facts), outputs };
  writePrivate(caFile(cluster), outputs.caCertificate);
  return cluster;
}

export const knownBy = (stack: string, facts: ClusterOutput): Known => ({
  stack,
  facts,
  nodes: facts.nodes,
  folder: join(stateDir, "ssh", stack.replaceAll("/", "_")),
});

/** Where the CA's certificate of a loaded cluster is. */
export const caFile = ({ facts }: Known) => join(checkoutRoot, caPath(facts.name));

/** Writes a file that only this user may read, in one step; one that holds this already is left alone. */
export function writePrivate(path: string, content: string): void {
  const same = existsSync(path) && (statSync(path).mode & 0o077) === 0 && readFileSync(path, "utf8") === content;
  if (same) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const written = `${path}.${process.pid}`;
  writeFileSync(written, content, { mode: 0o600 });
  renameSync(written, path);
}
