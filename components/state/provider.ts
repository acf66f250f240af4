/** Entry point of the dynamic provider's process for `NodeState`: what happens when Pulumi checks, compares, creates and updates one. */
import { randomUUID } from "node:crypto";
import type * as pulumi from "@pulumi/pulumi";
import {
  brokenOff,
  convergedMark,
  driftProgram,
  givenSum,
  notAtSettings,
  notConverged,
  type Shown,
} from "../../cloud-init/drift";
import "../ends-with-engine";
import { onNode, type Way } from "../ssh";

interface Inputs extends Shown {
  node: string;
  connection: Way;
  hostKeys: Record<string, string>;
  differences?: string[];
}

interface Outputs {
  found: string;
}

/** What a node's answer (`cloud-init/drift.sh`) says to somebody who wants it to be at `sum`. Empty: it is. */
export function differencesIn(answer: string, sum: string): string[] {
  const [first = "", ...rest] = answer.trimEnd().split("\n");
  if (!first.startsWith(convergedMark) || first === notConverged) return [brokenOff, ...rest];
  return first === convergedMark + sum ? rest : [notAtSettings, ...rest];
}

/** How long a look may take, milliseconds. */
const limit = 20_000;

/** What `drift.sh` on a node prints. */
const look = (way: Way) => onNode(way, `sudo -n ${driftProgram}`, limit);

/** @param ask looks at a node; replaced in tests */
export function nodeStateProvider(ask: (way: Way) => Promise<string | undefined> = look) {
  /** Of each node that is being looked at, by its address. */
  const looks = new Map<string, Promise<string | undefined>>();
  const at = (way: Way) => {
    const begun = looks.get(way.host) ?? ask(way);
    looks.set(way.host, begun);
    return begun;
  };
  return {
    async check(olds: Partial<Inputs>, news: Inputs): Promise<pulumi.dynamic.CheckResult> {
      // One that is not made yet has a node that is not, either, or one that a release made which knows nothing of this.
      if (olds.node === undefined) return { inputs: { ...news, differences: [] } };
      // Pulumi asks for one after the other. To wait for each would take seconds.
      for (const [host, hostKey] of Object.entries(news.hostKeys)) void at({ ...news.connection, host, hostKey });
      const answer = await at(news.connection);
      const differences = answer === undefined ? [] : differencesIn(answer, givenSum(news));
      // A preview without details does not show what an input is.
      if (differences.some((text) => text !== notAtSettings)) console.log(`${news.node}: ${differences.join("; ")}`);
      return { inputs: { ...news, differences } };
    },

    async diff(_id: string, _olds: Outputs, { differences = [] }: Inputs): Promise<pulumi.dynamic.DiffResult> {
      return { changes: differences.length > 0 };
    },

    async create(): Promise<pulumi.dynamic.CreateResult> {
      const found = randomUUID();
      return { id: found, outs: { found } satisfies Outputs };
    },

    async update(): Promise<pulumi.dynamic.UpdateResult> {
      return { outs: { found: randomUUID() } satisfies Outputs };
    },

    async read(id: string, outs: Outputs): Promise<pulumi.dynamic.ReadResult> {
      return { id, props: outs };
    },

    async delete(): Promise<void> {},
  };
}

export const nodeState = nodeStateProvider();
