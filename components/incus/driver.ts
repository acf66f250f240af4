import * as pulumi from "@pulumi/pulumi";
import { userData } from "../../cloud-init/user-data";
import { addressAt, parseCidr } from "../../settings/cidr";
import type { Driver, DriverArgs, MachineRequest, MadeMachine } from "../driver";
import { bridgeName, clientPorts, type Plan } from "../../settings/plan";
import { ports, type ClientPort } from "../../settings/ports";
import { imageAlias } from "./image";
import { Instance, Network } from "./resources";
import type { PublishedPort } from "./model";

/** Machines on this host, on a bridge of their own. Clients reach each proxy by ports on 127.0.0.1, so there is no endpoint. */
export class IncusDriver implements Driver {
  private readonly plan: Plan;
  private readonly network: Network;

  constructor(name: string, { plan }: DriverArgs, parent: pulumi.Resource) {
    this.plan = plan;
    this.network = new Network(
      `${name}-network`,
      { name: bridgeName(plan.cluster), cidr: plan.settings.network.cidr, stack: plan.cluster },
      { parent },
    );
  }

  machine(name: string, request: MachineRequest, parent: pulumi.Resource): MadeMachine {
    const { node, hostKey, sshKey } = request;
    const { cluster, settings } = this.plan;
    const cidr = parseCidr(settings.network.cidr)!;
    const size = settings.machines[node.role];
    const instance = new Instance(
      `${name}-instance`,
      {
        name: `${cluster}-${node.name}`,
        hostname: node.name,
        stack: cluster,
        network: this.network.name,
        address: node.address,
        image: imageAlias(),
        pool: "pgha",
        cpus: size.cpus,
        memoryMiB: size.memory,
        diskGiB: size.disk,
        userData: sshKey.publicKeyOpenssh.apply((key) => userData(node, key)),
        hostKey: { privateKey: hostKey.privateKeyOpenssh, publicKey: hostKey.publicKeyOpenssh },
        // A fixed address from the first moment: nothing waits for DHCP, and no DHCP client listens.
        config: { "user.address": `${node.address}/${cidr.bits}`, "user.gateway": addressAt(cidr, 1) },
        publish: this.published(request),
      },
      { parent, deletedWith: this.network },
    );
    return { resource: instance, incarnation: instance.incarnation };
  }

  endpoint(): undefined {}

  /** A proxy's client ports on the host. */
  private published({ node, index }: MachineRequest): PublishedPort[] {
    if (node.role !== "haproxy") return [];
    return Object.entries(clientPorts(this.plan.settings, index)).map(([use, host]) => ({
      listen: `127.0.0.1:${host}`,
      port: ports[use as ClientPort],
    }));
  }
}
