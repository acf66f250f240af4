/**
 * What happens to a cluster's identity when Pulumi checks, compares, creates, updates and deletes it. It runs in the dynamic
 * provider's process, found there by the text in `resource.ts`.
 */
import type * as pulumi from "@pulumi/pulumi";
import { isDeepStrictEqual } from "node:util";
import "../ends-with-engine";
import type { Identity } from "../../settings/identity";
import { judge } from "./judge";

interface Inputs {
  identity: Identity;
  /** Changes that the settings ask for by name. */
  replaces: Identity;
  /** Whether Pulumi and AWS are told to keep what exists. */
  protect: boolean;
}

/** It only notes: nothing but the state has it. */
export const identity = {
  /** @param olds empty for a cluster that is new, or was made before there was an identity: then it is noted as it is */
  check: (olds: Partial<Inputs>, news: Inputs): Promise<pulumi.dynamic.CheckResult> =>
    Promise.resolve({
      inputs: news,
      failures: judge({
        before: olds.identity ?? {},
        after: news.identity,
        asked: news.replaces,
        // What exists is as protected as it was made. One noted by the release before says nothing of that.
        guarded: olds.protect ?? news.protect,
      }),
    }),

  /** What was asked for, and is done, may be removed from the settings: that is no change. */
  diff: (_id: string, olds: Partial<Inputs>, news: Inputs): Promise<pulumi.dynamic.DiffResult> =>
    Promise.resolve({
      changes: !isDeepStrictEqual(olds.identity, news.identity) || (olds.protect ?? false) !== news.protect,
    }),

  create: (inputs: Inputs): Promise<pulumi.dynamic.CreateResult> => Promise.resolve({ id: "identity", outs: inputs }),

  update: (_id: string, _olds: Inputs, news: Inputs): Promise<pulumi.dynamic.UpdateResult> =>
    Promise.resolve({ outs: news }),

  delete: (): Promise<void> => Promise.resolve(),
};
