/** Entry point of the dynamic provider's process for `Drain`: what happens when Pulumi compares, makes and takes away one. */
import { isDeepStrictEqual } from "node:util";
import type * as pulumi from "@pulumi/pulumi";
import { untilClientsAreGone } from "../../../cloud-init/services/haproxy/drain";
import "../../ends-with-engine";
import { onNode, type Way } from "../../ssh";

interface Inputs {
  connection: Way;
  incarnation: string;
  stay: number;
}

/** Seconds in which a load balancer may still send clients to a proxy that was taken out of it. */
const settling = 15;
/** Seconds to log in, and to come back. */
const spare = 30;

/** A proxy that cannot be asked has no clients: it is not waited for. */
async function wait({ connection, stay }: Inputs): Promise<void> {
  await onNode(connection, untilClientsAreGone(settling, stay), (settling + stay + spare) * 1000);
}

const noted = ({ connection, incarnation, stay }: Inputs): Inputs => ({ connection, incarnation, stay });

/** @param drain waits at a proxy; replaced in tests */
export const drainProvider = (drain: (noted: Inputs) => Promise<void> = wait) => ({
  /** Another machine has other clients: those of the old one are waited for before it goes. */
  diff: async (_id: string, olds: Inputs, news: Inputs): Promise<pulumi.dynamic.DiffResult> => ({
    changes: !isDeepStrictEqual(noted(olds), noted(news)),
    replaces: olds.incarnation === news.incarnation ? [] : ["incarnation"],
    deleteBeforeReplace: true,
  }),

  create: async (inputs: Inputs): Promise<pulumi.dynamic.CreateResult> => ({
    id: inputs.incarnation,
    outs: noted(inputs),
  }),

  update: async (_id: string, _olds: Inputs, news: Inputs): Promise<pulumi.dynamic.UpdateResult> => ({
    outs: noted(news),
  }),

  delete: (_id: string, olds: Inputs): Promise<void> => drain(noted(olds)),
});

export const drain = drainProvider();
