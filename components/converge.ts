import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { convergeCommand, convergeInput, convergeScript, packed } from "../cloud-init/converge";
import { givenSum, secretSum, shownFiles } from "../cloud-init/drift";
import type { File } from "../cloud-init/file";
import type { MadeMachine } from "./driver";
import type { Machine } from "./machine";
import { NodeState } from "./state/resource";
import type { Node, Plan } from "../settings/plan";

export interface ConvergeArgs {
  plan: Plan;
  node: Node;
  machine: Machine;
  /** The node's files, free of secrets: they are shown in previews. */
  files: File[];
  /** Files that come by standard input: those with secrets, and those that are known only once the machine exists. */
  stdin: pulumi.Output<File[]>;
  /** Public SSH host keys of all nodes of the cluster by their address. */
  hostKeys: Record<string, pulumi.Output<string>>;
  /** Machines of others: when one of them is recreated, this node's step runs, too. @default none */
  also?: MadeMachine[];
}

/** How long Pulumi waits for a converge step. It ends itself sooner (`timeLimit` in cloud-init/converge.ts), and says why. */
const limit = "610m";

/**
 * Brings a node to its settings, at creation, at every change of them, and when it is found not to be at them. All nodes converge at once; those that must
 * restart something take turns by themselves (`cloud-init/converge/common.sh`).
 */
export function converge(name: string, args: ConvergeArgs, opts: pulumi.CustomResourceOptions): remote.Command {
  const { plan, node, machine, files, stdin, hostKeys, also = [] } = args;
  const { connection } = machine;
  const script = convergeScript(plan, node);
  const shown = {
    script,
    files: shownFiles(files),
    secrets: pulumi.unsecret(stdin.apply(secretSum)),
  };
  const deletedWith = machine.made.resource;
  const state = new NodeState(
    `${name}-state`,
    { node: node.name, connection, ...shown, hostKeys },
    { ...opts, deletedWith },
  );
  const input = pulumi
    .all([stdin, shown.secrets, state.found])
    .apply(([secret, secrets, found]) =>
      packed(convergeInput({ script, files: [...files, ...secret] }, givenSum({ ...shown, secrets }), found)),
    );
  return new remote.Command(
    `${name}-converge`,
    {
      connection,
      create: convergeCommand(plan.settings.driver),
      stdin: pulumi.secret(input),
      triggers: [machine.made, ...also].map(({ incarnation }) => incarnation),
      addPreviousOutputInEnv: false,
      logging: remote.Logging.Stderr,
    },
    { ...opts, deletedWith, customTimeouts: { create: limit, update: limit } },
  );
}
