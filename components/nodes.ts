import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { File } from "../cloud-init/file";
import { nodeFiles } from "../cloud-init/node-files";
import { converge } from "./converge";
import type { Driver, NodeMachine } from "./driver";
import { Machine } from "./machine";
import type { Pki } from "./pki";
import { allNodes, type Node, type Plan } from "../settings/plan";

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
  /** When a machine is recreated, do the steps of all nodes of the role run? @default false */
  together?: boolean;
  /** Machines of another role: when one of them is recreated, the steps of all nodes of this one run. @default none */
  also?: NodeMachine[];
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
  const machines = role.nodes.map((node, index) => {
    const request = { node, index, driver, hostKey: pki.hostKeyOf(node), sshKey: pki.sshKey };
    return { node, machine: new Machine(node.name, request, { parent }) };
  });
  const hostKeys = Object.fromEntries(
    allNodes(plan).map((node) => [node.address, pki.hostKeyOf(node).publicKeyOpenssh.apply((key) => key.trim())]),
  );
  const made = machines.map(({ node, machine }) => {
    const { after = [], files = [] } = machine.made;
    const stdin = pulumi
      .all([pki.filesOf(node), pki.authorizedKeys, role.secrets ?? [], files])
      .apply(([own, authorized, shared, driven]) => [...own, authorized, ...shared, ...driven]);
    const others = role.together ? machines.filter((other) => other.machine !== machine) : [];
    const also = [...others.map((other) => other.machine.made), ...(role.also ?? []).map((other) => other.machine)];
    const ready = converge(
      node.name,
      {
        plan,
        node,
        machine,
        files: nodeFiles(plan, node),
        stdin,
        hostKeys,
        also,
      },
      { parent: machine, dependsOn: [...(role.after ?? []), ...after] },
    );
    return { node, machine: machine.made, connection: machine.connection, ready };
  });
  return { machines: made, ready: made.map(({ ready }) => ready) };
}
