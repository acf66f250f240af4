/** The seam between a cluster and what makes its machines: one driver for each kind of place, in a folder of its own. */
import type { types } from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";
import type * as tls from "@pulumi/tls";
import type { File } from "../cloud-init/file";
import type { ClientPort } from "../settings/ports";
import type { Node, Plan } from "../settings/plan";

/** A machine that is wanted. */
export interface MachineRequest {
  node: Node;
  /** The node's place in its role, from 0. */
  index: number;
  /** Key pair of the machine's SSH server. The private half must never be in the user data. */
  hostKey: tls.PrivateKey;
  /** Key pair of the operators: the public half lets them, and the converge step, in. */
  sshKey: tls.PrivateKey;
}

/** What a driver gives for a machine. */
export interface MadeMachine {
  /** The machine itself; commands on it are `deletedWith` it. */
  resource: pulumi.CustomResource;
  /** Changes when the machine is recreated: a trigger for everything that was done on it. */
  incarnation: pulumi.Output<string>;
  /** Its id at its provider, where operators' commands need one. @default none: its name says it */
  id?: pulumi.Output<string>;
  /** What must exist before commands can run on it: a volume's attachment, a route, ... @default nothing */
  after?: pulumi.Resource[];
  /** Files of the converge step that only the driver knows, as which volume is the data's. @default none */
  files?: pulumi.Output<File[]>;
}

/** A node and its machine. */
export interface NodeMachine {
  node: Node;
  machine: MadeMachine;
  /** How to log in to it; secret. */
  connection: pulumi.Output<types.input.remote.ConnectionArgs>;
}

/** The machine through which private machines are reached by SSH. */
export interface Bastion {
  /** Name or address, as this host reaches it. */
  host: pulumi.Output<string>;
  port: number;
  user: string;
  /** Public SSH host key, "ssh-ed25519 AAAA...": nothing else is accepted. */
  hostKey: pulumi.Output<string>;
  /** OpenSSH private key to log in with; secret. */
  privateKey: pulumi.Output<string>;
}

/** The ports behind an endpoint: an operator asks each proxy for its own stats. */
export type EndpointPorts = Record<Exclude<ClientPort, "stats">, number>;

/** Where clients find the cluster. */
export interface Endpoint {
  /** Name or address. */
  host: pulumi.Output<string>;
  ports: EndpointPorts;
}

export interface Driver {
  /** Makes a machine, which boots with the key pair and the user data of its node. */
  machine(name: string, request: MachineRequest, parent: pulumi.Resource): MadeMachine;
  /** How commands get in. @default undefined: machines are reached directly */
  readonly bastion?: Bastion;
  /**
   * One endpoint in front of all proxies; called once, after their machines are declared.
   * @param ready done when the proxies take what the endpoint sends
   * @returns undefined where clients have to name the proxies themselves
   */
  endpoint(proxies: NodeMachine[], ready: pulumi.Resource[], parent: pulumi.Resource): Endpoint | undefined;
}

export interface DriverArgs {
  plan: Plan;
  /** The operators' SSH key. */
  sshKey: tls.PrivateKey;
  /** Host key of a bastion of the cluster's own. @default undefined: it has none */
  bastionHostKey?: tls.PrivateKey;
  /** Private key for an existing bastion. @default the operators' */
  bastionKey?: pulumi.Output<string>;
}

/** Makes a cluster's driver, and with it what all machines share (a network, for one). */
export type MakeDriver = (name: string, args: DriverArgs, parent: pulumi.Resource) => Driver;
