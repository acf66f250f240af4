import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { File } from "../cloud-init/file";
import { nodeFiles } from "../cloud-init/node-files";
import { converge } from "./converge";
import type { Driver, NodeMachine } from "./driver";
import { Machine } from "./machine";
import type { Pki } from "./pki";
import type { Node, Plan } from "./plan";

/** What every role's component needs. */
export interface RoleArgs {
  plan: Plan;
  /** Makes the machines. */
  driver: Driver;
  pki: Pki;
}

/** How a role's nodes differ from another role's. */
export interface RoleNodes {
  nodes: Node[];
  /** Secret files beside the node's key pair, the same on every node. @default none */
  secrets?: pulumi.Output<File[]>;
  /** What must be done before these nodes can converge. @default nothing */
  after?: pulumi.Resource[];
}

/** A role's nodes, made. */
export interface MadeNodes {
  machines: NodeMachine[];
  /** For each node the command that is done when it is at its settings. */
  ready: remote.Command[];
}

/** Makes a role's machines and converges each of them. */
export function roleNodes(parent: pulumi.Resource, args: RoleArgs, role: RoleNodes): MadeNodes {
  const { plan, driver, pki } = args;
  const made = role.nodes.map((node, index) => {
    const machine = new Machine(
      node.name,
      { node, index, driver, hostKey: pki.hostKeyOf(node), sshKey: pki.sshKey },
      { parent },
    );
    const { after = [], files = [] } = machine.made;
    const stdin = pulumi
      .all([pki.filesOf(node), role.secrets ?? [], files])
      .apply(([own, shared, machines]) => [...own, ...shared, ...machines]);
    const ready = converge(
      `${node.name}-converge`,
      { plan, node, machine, files: nodeFiles(plan, node), stdin },
      { parent: machine, dependsOn: [...(role.after ?? []), ...after] },
    );
    return { node, machine: machine.made, ready };
  });
  return { machines: made, ready: made.map(({ ready }) => ready) };
}
