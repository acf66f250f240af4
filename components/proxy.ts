import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { haproxySecrets } from "../cloud-init/haproxy";
import type { NodeMachine } from "./driver";
import { roleNodes, type RoleArgs } from "./nodes";

export interface ProxyArgs extends RoleArgs {
  /** Password of HAProxy's stats page. */
  statsPassword: pulumi.Output<string>;
}

/** The proxies: HAProxy, which knows who leads, and PgBouncer in front of it. */
export class Proxy extends pulumi.ComponentResource {
  readonly machines: NodeMachine[];
  /** Done when every proxy sees the leader. */
  readonly ready: remote.Command[];

  constructor(name: string, args: ProxyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Proxy", name, {}, opts);
    const { plan } = args;
    ({ machines: this.machines, ready: this.ready } = roleNodes(this, args, {
      nodes: plan.haproxy,
      secrets: args.statsPassword.apply((password) => [haproxySecrets(password)]),
    }));
    this.registerOutputs({ nodes: plan.haproxy.map(({ address }) => address) });
  }
}
