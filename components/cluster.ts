import * as pulumi from "@pulumi/pulumi";
import type { MakeDriver } from "./driver";
import { Etcd } from "./etcd";
import { Identity } from "./identity/resource";
import { clusterOutputs, type ClusterOutputs } from "./outputs";
import { Passwords } from "./passwords";
import { Patroni } from "./patroni";
import { Pki } from "./pki";
import { loginRoles } from "../settings/databases";
import { makePlan } from "../settings/plan";
import { Proxy } from "./proxy";
import type { Settings } from "../settings/schema";

export interface PostgresClusterArgs {
  /** The stack's settings, checked (`loadSettings`). */
  settings: Settings;
  /** Makes what makes the machines (`driverFor`). */
  makeDriver: MakeDriver;
  /** OpenSSH private key for an existing bastion; secret. @default the cluster's own SSH key */
  bastionKey?: pulumi.Output<string>;
}

/**
 * One highly available PostgreSQL: etcd, PostgreSQL under Patroni, and proxies with HAProxy and PgBouncer, each on machines
 * of its own.
 */
export class PostgresCluster extends pulumi.ComponentResource {
  /** How to reach and operate the cluster; `index.ts` makes them the stack's outputs. */
  readonly outputs: ClusterOutputs;

  constructor(name: string, args: PostgresClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    const { settings, makeDriver, bastionKey } = args;
    // Before the component, and not in it: all that is in it waits for it, and so for this.
    const identity = new Identity(`${name}-identity`, settings, opts);
    super("pgha:index:PostgresCluster", name, {}, pulumi.mergeOptions(opts, { dependsOn: identity }));
    const plan = makePlan(settings);
    const childOpts = { parent: this };

    const passwords = new Passwords(
      `${name}-passwords`,
      { roles: loginRoles(settings).map((role) => role.name) },
      childOpts,
    );
    const pki = new Pki(`${name}-pki`, { plan }, childOpts);
    const { sshKey, bastionHostKey } = pki;
    const driver = makeDriver(name, { plan, sshKey, bastionHostKey, bastionKey }, this);
    const role = { plan, driver, pki };
    const etcd = new Etcd(`${name}-etcd`, role, childOpts);
    const patroni = new Patroni(`${name}-patroni`, { ...role, passwords, etcd }, childOpts);
    const proxy = new Proxy(`${name}-proxy`, { ...role, passwords }, childOpts);

    this.outputs = clusterOutputs(plan, {
      passwords,
      pki,
      bastion: driver.bastion,
      bastionKey,
      endpoint: driver.endpoint(proxy.machines, proxy.ready, this),
      machines: [...etcd.machines, ...patroni.machines, ...proxy.machines],
      ready: [...etcd.ready, ...patroni.ready, ...proxy.ready],
    });
    this.registerOutputs({ ...this.outputs });
  }
}
