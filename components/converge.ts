import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { convergeCommand, convergeInput } from "../cloud-init/converge";
import type { File } from "../cloud-init/file";
import type { Machine } from "./machine";
import type { Node, Plan } from "../settings/plan";

export interface ConvergeArgs {
  plan: Plan;
  node: Node;
  machine: Machine;
  /** The node's files, free of secrets: they are shown in previews. */
  files: File[];
  /** Files that come by standard input: those with secrets, and those that are known only once the machine exists. */
  stdin: pulumi.Output<File[]>;
  /** Machines of others: when one of them is made anew, this node's step runs, too. @default none */
  also?: Machine[];
}

/** How long Pulumi waits for a converge step. It ends itself sooner (`timeLimit` in cloud-init/converge.ts), and says why. */
const limit = "30m";

/**
 * Brings a node to its settings, at creation and at every change of them. All nodes converge at once; those that must
 * restart something take turns by themselves (`cloud-init/converge/common.sh`).
 */
export function converge(name: string, args: ConvergeArgs, opts: pulumi.CustomResourceOptions): remote.Command {
  const { plan, node, machine, files, stdin, also = [] } = args;
  return new remote.Command(
    name,
    {
      connection: machine.connection,
      create: convergeCommand(plan, node, files),
      stdin: pulumi.secret(stdin.apply(convergeInput)),
      triggers: [machine, ...also].map(({ made }) => made.incarnation),
      addPreviousOutputInEnv: false,
      logging: remote.Logging.Stderr,
    },
    { ...opts, deletedWith: machine.made.resource, customTimeouts: { create: limit, update: limit } },
  );
}
