import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { File } from "../cloud-init/file";
import { nodeFiles } from "../cloud-init/node-files";
import { userData } from "../cloud-init/user-data";
import { converge } from "./converge";
import type { Network } from "./incus/resources";
import { Machine, type PublishedPort } from "./machine";
import type { Pki } from "./pki";
import type { Node, Plan } from "./plan";

/** What every role's component needs. */
export interface RoleArgs {
  plan: Plan;
  network: Network;
  pki: Pki;
}

/** How a role's nodes differ from another role's. */
export interface RoleNodes {
  nodes: Node[];
  /** Secret files beside the node's key pair, the same on every node. @default none */
  secrets?: pulumi.Output<File[]>;
  /** Ports published on the host for the node with this index. @default none */
  publish?: (index: number) => PublishedPort[];
  /** What must be done before these nodes can converge. @default nothing */
  after?: pulumi.Resource[];
}

/** Makes a role's machines and converges each of them. */
export function roleNodes(parent: pulumi.Resource, args: RoleArgs, role: RoleNodes): remote.Command[] {
  const { plan, network, pki } = args;
  return role.nodes.map((node, index) => {
    const machine = new Machine(
      node.name,
      {
        plan,
        node,
        network,
        userData: pki.sshKey.publicKeyOpenssh.apply((key) => userData(node, key)),
        hostKey: pki.hostKeyOf(node),
        sshKey: pki.sshKey,
        publish: role.publish?.(index),
      },
      { parent },
    );
    const secrets = pulumi.all([pki.filesOf(node), role.secrets ?? []]).apply(([own, shared]) => [...own, ...shared]);
    return converge(
      `${node.name}-converge`,
      { plan, node, machine, files: nodeFiles(plan, node), secrets },
      { parent: machine, dependsOn: role.after },
    );
  });
}
