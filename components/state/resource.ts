/** A node as it really is, as a Pulumi resource: what differs from its settings shows up as a change, at every `up` and preview. */
import type { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { providerText } from "../provider-text";

const provider = providerText("components/state/provider.ts", "nodeState");

/** Inputs of a {@link NodeState}. */
export interface NodeStateArgs {
  /** The node's name. */
  node: pulumi.Input<string>;
  /** How to log in to the node. */
  connection: pulumi.Input<types.input.remote.ConnectionArgs>;
  /** The script of its converge step. */
  script: pulumi.Input<string>;
  /** The node's files, free of secrets, by path: a preview shows line by line how they change. */
  files: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Checksum of the secret files that it is given. */
  secrets: pulumi.Input<string>;
  /** Public SSH host keys of all nodes by their address. They are all looked at as soon as the first one is. */
  hostKeys: pulumi.Input<Record<string, pulumi.Input<string>>>;
}

/**
 * Looks at a node whenever Pulumi compares: at its files, its units, and, on the leader, at the configuration in etcd and at roles and
 * rights (`cloud-init/drift.sh`). What it finds is the input `differences`, so that previews show it. A node that cannot be reached is
 * taken to be as it should: its machine may be about to be made.
 */
export class NodeState extends pulumi.CustomResource {
  /** Changes whenever something was found: then the converge step runs again. */
  declare readonly found: pulumi.Output<string>;

  constructor(name: string, args: NodeStateArgs, opts: pulumi.CustomResourceOptions) {
    const props = { ...args, differences: undefined, found: undefined, __provider: provider };
    super("pulumi-nodejs:dynamic/pgha:NodeState", name, props, opts);
  }
}
