// What AWS shows of an instance.
import type { Instance } from "@aws-sdk/client-ec2";
import type { Context } from "../lib/plugin";
import { becomes, ec2, found } from "./client";

/** The instance as AWS shows it; one that was terminated stays to be seen for an hour, and counts as gone. */
export async function describe(id: string): Promise<Instance | undefined> {
  const answer = await found(ec2().describeInstances({ InstanceIds: [id] }));
  const there = answer?.Reservations?.[0]?.Instances?.[0];
  return there?.State?.Name === "terminated" ? undefined : there;
}

export const stateIs = (id: string, state: string | undefined, { signal }: Pick<Context, "signal">): Promise<void> =>
  becomes(`instance ${id} to be ${state ?? "gone"}`, async () => (await describe(id))?.State?.Name === state, {
    signal,
  });
