import { setTimeout as pause } from "node:timers/promises";
import { regionOf } from "../../../settings/aws/region";
import type { NodeOutput } from "../../../components/outputs";
import { askEc2 } from "../../aws";
import { OpsError } from "../../errors";
import type { Runner } from "../../ssh";
import { cutScript } from "../cut";
import type { Power, PowerAction } from "./model";

/** How long EC2 may take to start or stop a machine, seconds. */
const limit = 300;
/** Pause between two looks, milliseconds. */
const lookEvery = 2000;

const reasons: Partial<Record<PowerAction, string>> = {
  freeze: "EC2 cannot pause a machine",
  restrictDisk: "an EBS volume cannot be made smaller, and to fill one of its real size takes too long",
};

/** EC2's switch. It takes the permissions ec2:DescribeInstances, ec2:StopInstances and ec2:StartInstances. */
export function awsPower(runner: Runner): Power {
  const refuse = (action: PowerAction) => () => Promise.reject(new OpsError(reasons[action]!));
  return {
    cannot: (action) => reasons[action],

    async off(node) {
      // The API answers before the machine is off, so it is made silent first; SSH alone still passes.
      const { code, stderr, unreachable } = await runner.run(node.name, cutScript({ from: "all", to: "all" }));
      if (code !== 0) throw new OpsError(`${node.name} could not be cut off first: ${unreachable ?? stderr.trim()}`);
      // Force alone would shut the system down cleanly, if it can.
      await stop(node, { Force: true, SkipOsShutdown: true });
    },

    stop: (node) => stop(node, {}),
    freeze: refuse("freeze"),

    async on(node) {
      if ((await settled(node)) === "running") return [];
      const { id, region } = whereIs(node);
      await askEc2(region, "ec2:StartInstances", (client, { StartInstancesCommand }) =>
        client.send(new StartInstancesCommand({ InstanceIds: [id] })),
      );
      await settled(node);
      return ["it was off"];
    },

    restrictDisk: refuse("restrictDisk"),
    restoreDisk: () => Promise.resolve([]),
  };
}

/** A machine's id, and its region. @throws OpsError when the stack does not know them */
function whereIs({ name, instance, zone }: NodeOutput): { id: string; region: string } {
  if (!instance || !zone)
    throw new OpsError(`the stack does not know which EC2 instance ${name} is; run \`npm run up\``);
  return { id: instance, region: regionOf(zone) };
}

async function stop(node: NodeOutput, how: { Force?: boolean; SkipOsShutdown?: boolean }): Promise<void> {
  const { id, region } = whereIs(node);
  await askEc2(region, "ec2:StopInstances", (client, { StopInstancesCommand }) =>
    client.send(new StopInstancesCommand({ InstanceIds: [id], ...how })),
  );
}

/** A machine's state, once it is on its way to no other: it cannot be started before it has stopped. */
async function settled(node: NodeOutput): Promise<"running" | "stopped"> {
  const { id, region } = whereIs(node);
  for (const deadline = Date.now() + limit * 1000; Date.now() < deadline; await pause(lookEvery)) {
    const { Reservations } = await askEc2(region, "ec2:DescribeInstances", (client, { DescribeInstancesCommand }) =>
      client.send(new DescribeInstancesCommand({ InstanceIds: [id] })),
    );
    const state = Reservations?.[0]?.Instances?.[0]?.State?.Name;
    if (state === "running" || state === "stopped") return state;
    if (state !== "pending" && state !== "stopping")
      throw new OpsError(`${node.name}, ${id}, is ${state ?? "gone"}; \`npm run up\` recreates it`);
  }
  throw new OpsError(`${node.name}, ${id}, was neither running nor stopped within ${limit} s`);
}
