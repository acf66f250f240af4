import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { haproxySecrets } from "../cloud-init/services/haproxy/files";
import { pgbouncerSecrets } from "../cloud-init/services/pgbouncer/files";
import type { NodeMachine } from "./driver";
import { roleNodes, type RoleArgs } from "./nodes";
import type { Passwords } from "./passwords";

export interface ProxyArgs extends RoleArgs {
  passwords: Passwords;
}

/** The proxies: HAProxy, which knows who leads, and PgBouncer in front of it. */
export class Proxy extends pulumi.ComponentResource {
  readonly machines: NodeMachine[];
  /** Done when every proxy sees the leader. */
  readonly ready: remote.Command[];

  constructor(name: string, args: ProxyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Proxy", name, {}, opts);
    const { plan, passwords } = args;
    ({ machines: this.machines, ready: this.ready } = roleNodes(this, args, {
      nodes: plan.haproxy,
      secrets: pulumi
        .all([passwords.stats, passwords.lookup])
        .apply(([stats, lookup]) => [haproxySecrets(stats), pgbouncerSecrets(lookup)]),
    }));
    this.registerOutputs({ nodes: plan.haproxy.map(({ address }) => address) });
  }
}
