/** Planned work on single nodes. */
import assert from "node:assert/strict";
import { images } from "../../../simulator/cloud/moto";
import { underClients } from "../clients";
import { nothingLeft, smallest, up, whole, type Life, type Step } from "../life";
import { renewsImage, replaces, retypes } from "../nodes";
import type { Rehearsal } from "../rehearsal";

/** A proxy less: its clients have the time to go, and nobody who comes meanwhile meets an error. */
async function dropsAProxy(rehearsal: Rehearsal): Promise<void> {
  rehearsal.stack.set({ nodes: smallest });
  assert.deepEqual(await rehearsal.touched(), ["delete haproxy2-instance"]);
  await underClients(rehearsal, "haproxy2", () => rehearsal.up());
  assert.deepEqual(await rehearsal.plan("--refresh"), []);
}

const steps: Step[] = [
  ["another instance type: all at once is refused, one by one done", (one) => retypes(one, larger)],
  ["an etcd member is replaced", (one) => replaces(one, "etcd2")],
  ["a proxy is replaced", (one) => replaces(one, "haproxy1")],
  ["a database machine is made anew of another image", (one) => renewsImage(one, images[1]!.ami_id)],
  ["a proxy less, under load", dropsAProxy],
];

const larger = { type: "t3.large", cpus: 2, memory: 8192 };

export const nodes: Life = {
  about: "another instance type, replaced nodes, a new image, and a proxy less while clients are at it",
  of: "staging",
  shape: (given) => ({
    settings: {
      nodes: { ...smallest, haproxy: 2 },
      aws: { ...(given.aws as object), image: images[0]!.ami_id },
    },
  }),
  steps: [up, ...steps, whole, nothingLeft],
};
