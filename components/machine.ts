import type { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type * as tls from "@pulumi/tls";
import { adminUser } from "../cloud-init/user-data";
import { addressAt, parseCidr } from "./cidr";
import { imageAlias } from "./incus/image";
import { Instance, type Network } from "./incus/resources";
import type { Node, Plan } from "./plan";

/** A port of the machine that clients on the host reach on 127.0.0.1. */
export interface PublishedPort {
  /** Port on 127.0.0.1 of the host. */
  host: number;
  /** Port on the machine. */
  machine: number;
}

export interface MachineArgs {
  plan: Plan;
  node: Node;
  /** The network the machine is in. */
  network: Network;
  /** cloud-config; read at the first boot only, so a later change does nothing to the machine. Holds no secret. */
  userData: pulumi.Input<string>;
  /** Key pair of the machine's SSH server. */
  hostKey: tls.PrivateKey;
  /** Key pair of the operators. */
  sshKey: tls.PrivateKey;
  /** Ports published on the host. @default none */
  publish?: PublishedPort[];
}

/** One machine of the cluster, whatever makes it, and the way to log in to it. */
export class Machine extends pulumi.ComponentResource {
  /** What `remote.Command` needs to log in. */
  readonly connection: pulumi.Output<types.input.remote.ConnectionArgs>;
  /** The machine itself; commands on it are `deletedWith` it. */
  readonly instance: pulumi.CustomResource;
  /** Changes when the machine is made anew: a trigger for everything that was done on it. */
  readonly incarnation: pulumi.Output<string>;

  constructor(name: string, args: MachineArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Machine", name, {}, opts);
    const { plan, node } = args;
    const cidr = parseCidr(plan.settings.network.cidr)!;
    const size = plan.settings.machines[node.role];
    const instance = new Instance(
      `${name}-instance`,
      {
        name: `${plan.cluster}-${node.name}`,
        hostname: node.name,
        stack: plan.cluster,
        network: args.network.name,
        address: node.address,
        image: imageAlias(),
        pool: "pgha",
        cpus: size.cpus,
        memoryMiB: size.memory,
        diskGiB: size.disk,
        userData: args.userData,
        hostKey: { privateKey: args.hostKey.privateKeyOpenssh, publicKey: args.hostKey.publicKeyOpenssh },
        // A fixed address from the first moment: nothing waits for DHCP, and no DHCP client listens.
        config: { "user.address": `${node.address}/${cidr.bits}`, "user.gateway": addressAt(cidr, 1) },
        publish: (args.publish ?? []).map(({ host, machine }) => ({ listen: `127.0.0.1:${host}`, port: machine })),
      },
      { parent: this, deletedWith: args.network },
    );
    this.instance = instance;
    this.incarnation = instance.incarnation;
    this.connection = pulumi
      .all([args.sshKey.privateKeyOpenssh, args.hostKey.publicKeyOpenssh])
      .apply(([privateKey, hostKey]) => ({
        host: node.address,
        user: adminUser,
        privateKey,
        hostKey: hostKey.trim(),
        // About two minutes of refused connections: a machine that boots slowly, not one that never will.
        dialErrorLimit: 30,
        perDialTimeout: 5,
      }));
    this.registerOutputs({ address: node.address, incarnation: this.incarnation });
  }
}
