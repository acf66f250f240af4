/**
 * What the last command learnt of a cluster, for those that need none of its secrets: to ask Pulumi costs them half of their time, for it
 * decrypts the state. It counts for as long as the state, a file on this machine, is the one it was; elsewhere Pulumi is asked each time.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ClusterOutput } from "../components/outputs";
import { knownBy, writePrivate, type Known } from "./cluster";
import { pulumiEnv, stateDir } from "./env";
import { configOf } from "./ssh";

interface Memory {
  /** `stateStamp` from before it was read. */
  stamp: string;
  facts: ClusterOutput;
}

/** Which state a stack is in. @returns undefined: it is kept elsewhere, or there is none */
export function stateStamp(stack: string, backend = pulumiEnv().PULUMI_BACKEND_URL): string | undefined {
  const folder = backend === undefined ? stateDir : /^file:\/\/([^?]+)/.exec(backend)?.[1];
  if (!folder || stack.includes("/")) return undefined;
  const path = join(folder, ".pulumi", "stacks", "pgha", `${stack}.json`);
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${path} ${found.ino} ${found.size} ${found.mtimeNs}`;
}

const memoryOf = ({ folder }: Pick<Known, "folder">) => join(folder, "facts.json");

export function remember(cluster: Known, stamp: string | undefined): void {
  if (stamp) writePrivate(memoryOf(cluster), JSON.stringify({ stamp, facts: cluster.facts } satisfies Memory));
}

/** @returns undefined: nothing is remembered, or it is no longer true */
export function remembered(stack: string): Known | undefined {
  const stamp = stateStamp(stack);
  const path = memoryOf(knownBy(stack, {} as ClusterOutput));
  if (!stamp || !existsSync(path)) return undefined;
  const memory = JSON.parse(readFileSync(path, "utf8")) as Memory;
  const known = knownBy(stack, memory.facts);
  return memory.stamp === stamp && existsSync(configOf(known)) ? known : undefined;
}
