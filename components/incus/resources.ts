/**
 * Machines and networks of Incus as Pulumi resources. They are served by Pulumi's dynamic provider for Node
 * (`pulumi-resource-pulumi-nodejs`, part of the npm package `@pulumi/pulumi`), so there is no plugin to install.
 */
import * as pulumi from "@pulumi/pulumi";
import type { PublishedPort } from "./model";

export type { PublishedPort };

/**
 * The provider that goes into the state with each resource. `pulumi.dynamic.Resource` would put the driver's whole code
 * there, by a serialiser that takes a second to load and gives another text whenever the code, or the transpiler,
 * changes: each such text is a change of every machine. So the state holds only where the code is found at run time;
 * the dynamic provider runs in the folder of `Pulumi.yaml`.
 */
export const providerText = (kind: "instance" | "network") =>
  `exports.handler = () => { require("tsx/cjs"); return require(process.cwd() + "/components/incus/provider").${kind}; };`;

/** Inputs of a {@link Network}. */
export interface NetworkArgs {
  /** Name of the bridge, 2 to 15 characters. A change replaces the network and all machines on it. */
  name: pulumi.Input<string>;
  /**
   * IPv4 block, "10.88.0.0/24". It may not overlap any route of the host. The gateway has its first address. A change
   * replaces the network and all machines on it.
   */
  cidr: pulumi.Input<string>;
  /** The stack it belongs to. A network of that name that belongs to another, or to none, is refused. */
  stack: pulumi.Input<string>;
}

/**
 * A bridge with NAT to the outside, and DHCP that gives each machine its fixed address. IPv4 only.
 *
 * Deleting it also removes the instances of its stack that are still on it, all at once: so they can be declared
 * `deletedWith` it, and none that a broken-off run made stays behind.
 */
export class Network extends pulumi.CustomResource {
  /** Name of the bridge. */
  declare readonly name: pulumi.Output<string>;
  declare readonly cidr: pulumi.Output<string>;
  declare readonly stack: pulumi.Output<string>;
  /** Address of the host on the bridge, "10.88.0.1". */
  declare readonly gateway: pulumi.Output<string>;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.CustomResourceOptions) {
    const props = { ...args, gateway: undefined, intact: undefined, __provider: providerText("network") };
    super("pulumi-nodejs:dynamic/incus:Network", name, props, opts);
  }
}

/** Inputs of an {@link Instance}. "Replaces" means: a change makes a new machine, without the old one's data. */
export interface InstanceArgs {
  /** Name in Incus, "pgha-dev-postgresql1". Replaces. */
  name: pulumi.Input<string>;
  /** Host name inside, "postgresql1". Replaces. */
  hostname: pulumi.Input<string>;
  /** The stack it belongs to, written on the instance as `user.pgha.stack`. Replaces. */
  stack: pulumi.Input<string>;
  /** Name of its network, from {@link Network.name}. Replaces. */
  network: pulumi.Input<string>;
  /** Its fixed IPv4 address in that network. Replaces. */
  address: pulumi.Input<string>;
  /** Alias of the image it is made from. Used at creation only: a change later is not a change of the machine. */
  image: pulumi.Input<string>;
  /** Storage pool of its disk. Replaces. */
  pool: pulumi.Input<string>;
  /**
   * Kind of machine. Replaces. A virtual machine is refused for now: there is no image for one.
   * @default "container"
   */
  type?: pulumi.Input<"container" | "virtual-machine">;
  /** Processors it may use. Changed live. Not enforced where the host's kernel has no such control; a notice says so. */
  cpus: pulumi.Input<number>;
  /** Memory it may use, in MiB. Changed live. Enforced like `cpus`. */
  memoryMiB: pulumi.Input<number>;
  /**
   * Size of its disk, in GiB. Grows live, never shrinks.
   * @default as much as the pool has
   */
  diskGiB?: pulumi.Input<number>;
  /** cloud-init's user data, free of secrets. Used at creation only, like `image`. */
  userData: pulumi.Input<string>;
  /**
   * SSH host key (OpenSSH private key, "ssh-ed25519 ..." public key), in place before the first boot. The private half
   * is never kept in the outputs. Replaces.
   */
  hostKey: pulumi.Input<{ privateKey: pulumi.Input<string>; publicKey: pulumi.Input<string> }>;
  /**
   * Ports that the host offers on addresses of its own. Changed live.
   * @default none
   */
  publish?: pulumi.Input<pulumi.Input<PublishedPort>[]>;
  /**
   * Whether it runs. One that was stopped or frozen outside runs again after `pulumi up --refresh`.
   * @default true
   */
  running?: pulumi.Input<boolean>;
  /**
   * Further settings of Incus by their own names, {"limits.processes": "2000"}. Changed live.
   * @default none
   */
  config?: pulumi.Input<Record<string, pulumi.Input<string>>>;
}

/**
 * An unprivileged system container (or virtual machine). When it is created it runs, and its SSH server has answered
 * at `address`.
 *
 * @throws at plan time, before anything is changed, when the image or pool is missing (`npm run setup` makes them), a
 * published port is taken, or an instance of that name exists that is not of this state.
 */
export class Instance extends pulumi.CustomResource {
  declare readonly name: pulumi.Output<string>;
  declare readonly hostname: pulumi.Output<string>;
  declare readonly network: pulumi.Output<string>;
  declare readonly address: pulumi.Output<string>;
  declare readonly type: pulumi.Output<"container" | "virtual-machine">;
  declare readonly cpus: pulumi.Output<number>;
  declare readonly memoryMiB: pulumi.Output<number>;
  declare readonly diskGiB: pulumi.Output<number | undefined>;
  declare readonly hostKey: pulumi.Output<{ publicKey: string }>;
  declare readonly publish: pulumi.Output<PublishedPort[]>;
  declare readonly running: pulumi.Output<boolean>;
  /** Another one for each new machine of this name: what is done to the machine once must be done again. */
  declare readonly incarnation: pulumi.Output<string>;

  constructor(name: string, args: InstanceArgs, opts?: pulumi.CustomResourceOptions) {
    const props = { ...args, incarnation: undefined, __provider: providerText("instance") };
    super("pulumi-nodejs:dynamic/incus:Instance", name, props, opts);
  }
}
