/**
 * What the last command learnt of a cluster, for those that need none of its secrets: to ask Pulumi costs them half of their time, for it
 * decrypts the state. It counts for as long as the outputs in the state, a file on this machine, are those they were; elsewhere Pulumi is
 * asked each time.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterOutput } from "../components/outputs";
import { parseJson } from "./ask";
import { caFile, knownBy, writePrivate, type Cluster, type Known } from "./cluster";
import { endpointsOf, type Endpoint } from "./endpoints";
import { pulumiEnv, stateDir } from "./env";
import { configOf } from "./ssh";

/** What is known of a cluster without its secrets, and where clients find it. */
export interface Shown {
  cluster: Known;
  endpoints: Endpoint[];
}

interface Memory {
  /** `stateStamp` from before it was read. */
  stamp: string;
  facts: ClusterOutput;
  endpoints: Endpoint[];
}

/** What of a state file is read here. */
interface StateFile {
  checkpoint?: { latest?: { resources?: { type: string; outputs?: Record<string, unknown> }[] } };
}

/** The key of what Pulumi writes in place of a secret, which is another one after every `up` (sdk/go/common/resource/sig, 3.250). */
const secretMark = "4dabf18193072939515e22adb298388d";
const withoutSecrets = (_: string, value: unknown) =>
  typeof value === "object" && value !== null && secretMark in value ? null : value;

/**
 * Which outputs a stack has, as far as they are no secrets. All that is remembered follows from them.
 * @returns undefined: the state is kept elsewhere, or there is none
 */
export function stateStamp(stack: string, backend = pulumiEnv().PULUMI_BACKEND_URL): string | undefined {
  const folder = backend === undefined ? stateDir : /^file:\/\/([^?]+)/.exec(backend)?.[1];
  if (!folder || stack.includes("/")) return undefined;
  const path = join(folder, ".pulumi", "stacks", "pgha", `${stack}.json`);
  if (!existsSync(path)) return undefined;
  // Of a state that is damaged Pulumi has to tell.
  const state = parseJson<StateFile>(readFileSync(path, "utf8"));
  const outputs = state?.checkpoint?.latest?.resources?.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs;
  return (
    outputs &&
    createHash("sha256")
      .update(JSON.stringify([path, outputs], withoutSecrets))
      .digest("hex")
  );
}

const memoryOf = ({ folder }: Pick<Known, "folder">) => join(folder, "facts.json");

/** A stack with a bastion may have a key for it, which no output tells: it is not remembered. */
export function remember(cluster: Cluster, stamp: string | undefined): void {
  const { facts } = cluster;
  if (!stamp || facts.bastion) return;
  const memory: Memory = { stamp, facts, endpoints: endpointsOf(cluster) };
  writePrivate(memoryOf(cluster), JSON.stringify(memory));
}

/** @returns undefined: nothing is remembered, or it is no longer true */
export function remembered(stack: string): Shown | undefined {
  const stamp = stateStamp(stack);
  const path = memoryOf(knownBy(stack, {} as ClusterOutput));
  if (!stamp || !existsSync(path)) return undefined;
  const memory = JSON.parse(readFileSync(path, "utf8")) as Memory;
  if (memory.stamp !== stamp) return undefined;
  const cluster = knownBy(stack, memory.facts);
  const whole = existsSync(configOf(cluster)) && existsSync(caFile(cluster));
  return whole ? { cluster, endpoints: memory.endpoints } : undefined;
}
