import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { etcdEndpoints } from "../cloud-init/services/etcd/files";
import type { NodeMachine } from "./driver";
import { roleNodes, type RoleArgs } from "./nodes";

/** The etcd members: where Patroni keeps the leader key. Mutual TLS for clients and peers. */
export class Etcd extends pulumi.ComponentResource {
  readonly machines: NodeMachine[];
  /** Done when the members are healthy. */
  readonly ready: remote.Command[];

  constructor(name: string, args: RoleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Etcd", name, {}, opts);
    const { plan } = args;
    // A member must know when others have lost their data: a survivor may have to carry the cluster on (converge/etcd.sh).
    const role = { nodes: plan.etcd, together: true };
    ({ machines: this.machines, ready: this.ready } = roleNodes(this, args, role));
    this.registerOutputs({ endpoints: etcdEndpoints(plan) });
  }
}
