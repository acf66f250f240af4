import * as pulumi from "@pulumi/pulumi";
import { Etcd } from "./etcd";
import { Network } from "./incus/resources";
import { clusterOutputs, type ClusterOutputs } from "./outputs";
import { Passwords } from "./passwords";
import { Patroni } from "./patroni";
import { Pki } from "./pki";
import { bridgeName, makePlan } from "./plan";
import { Proxy } from "./proxy";
import type { Settings } from "./settings";

export interface PostgresClusterArgs {
  /** The stack's settings, checked (`loadSettings`). */
  settings: Settings;
}

/**
 * One highly available PostgreSQL: etcd, PostgreSQL under Patroni, and proxies with HAProxy and PgBouncer, each on machines
 * of its own.
 */
export class PostgresCluster extends pulumi.ComponentResource {
  /** How to reach and operate the cluster; `index.ts` makes them the stack's outputs. */
  readonly outputs: ClusterOutputs;

  constructor(name: string, args: PostgresClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:PostgresCluster", name, {}, opts);
    const plan = makePlan(args.settings);
    const parent = { parent: this };

    const passwords = new Passwords(`${name}-passwords`, parent);
    const pki = new Pki(`${name}-pki`, { plan }, parent);
    const network = new Network(
      `${name}-network`,
      { name: bridgeName(plan.cluster), cidr: plan.settings.network.cidr, stack: plan.cluster },
      parent,
    );
    const role = { plan, network, pki };
    const etcd = new Etcd(`${name}-etcd`, role, parent);
    const patroni = new Patroni(`${name}-patroni`, { ...role, passwords, after: etcd.ready }, parent);
    const proxy = new Proxy(`${name}-proxy`, { ...role, statsPassword: passwords.stats }, parent);

    this.outputs = clusterOutputs(plan, { passwords, pki, ready: [...etcd.ready, ...patroni.ready, ...proxy.ready] });
    this.registerOutputs({ ...this.outputs });
  }
}
