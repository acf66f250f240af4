import type { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type * as tls from "@pulumi/tls";
import { adminUser } from "../cloud-init/user-data";
import type { Bastion, Driver, MadeMachine } from "./driver";
import type { Node } from "../settings/plan";

export interface MachineArgs {
  node: Node;
  /** The node's place in its role, from 0. */
  index: number;
  /** Makes the machine. */
  driver: Driver;
  /** Key pair of the machine's SSH server. */
  hostKey: tls.PrivateKey;
  /** Key pair of the operators. */
  sshKey: tls.PrivateKey;
}

/** One machine of the cluster, whatever makes it, and the way to log in to it. */
export class Machine extends pulumi.ComponentResource {
  /** What `remote.Command` needs to log in. */
  readonly connection: pulumi.Output<types.input.remote.ConnectionArgs>;
  /** What its driver made. */
  readonly made: MadeMachine;

  constructor(name: string, args: MachineArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Machine", name, {}, opts);
    const { node, index, driver, hostKey, sshKey } = args;
    this.made = driver.machine(name, { node, index, hostKey, sshKey }, this);
    this.connection = pulumi
      .all([sshKey.privateKeyOpenssh, hostKey.publicKeyOpenssh, proxyOf(driver.bastion)])
      .apply(([privateKey, publicKey, proxy]) => ({
        host: node.address,
        user: adminUser,
        privateKey,
        hostKey: publicKey.trim(),
        ...dialing(driver.bastion),
        ...(proxy && { proxy }),
      }));
    this.registerOutputs({ address: node.address, incarnation: this.made.incarnation });
  }
}

/**
 * How long refused connections are tried again: about two minutes, for a machine that boots slowly, not one that never will. In a
 * cloud about ten: there a machine first has to be given the right to read its host key, which it waits for that long.
 */
const dialing = (bastion: Bastion | undefined) => ({ dialErrorLimit: bastion ? 130 : 30, perDialTimeout: 5 });

/** The bastion, as `remote.Command` needs it. */
function proxyOf(bastion: Bastion | undefined): pulumi.Output<types.input.remote.ProxyConnectionArgs> | undefined {
  if (!bastion) return undefined;
  return pulumi.all([bastion.host, bastion.hostKey, bastion.privateKey]).apply(([host, hostKey, privateKey]) => ({
    host,
    port: bastion.port,
    user: bastion.user,
    privateKey,
    hostKey: hostKey.trim(),
    ...dialing(bastion),
  }));
}
