import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { cloudUserData } from "../../cloud-init/cloud-user-data";
import type { Bastion, Driver, DriverArgs, Endpoint, MachineRequest, MadeMachine, NodeMachine } from "../driver";
import { roles, type Role } from "../../settings/roles";
import { AwsBastion } from "./bastion";
import { AwsEndpoint } from "./endpoint";
import { Firewall } from "./firewall";
import { hostKeyParameter, identity } from "./identity";
import { makeInstance } from "./instance";
import { AwsNetwork } from "./network";
import { tagsOf } from "./tags";
import { dataVolume } from "./volume";

/** Makes machines on EC2, over the zones of the settings, and what they share: network, security groups, bastion, endpoint. */
export class AwsDriver extends pulumi.ComponentResource implements Driver {
  readonly bastion: Bastion;
  private readonly network: AwsNetwork;
  private readonly firewall: Firewall;
  private readonly spread: Record<Role, pulumi.Output<string>>;

  constructor(
    private readonly prefix: string,
    private readonly args: DriverArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("pgha:index:AwsDriver", prefix, {}, opts);
    const { plan } = args;
    const childOpts = { parent: this };
    this.network = new AwsNetwork(`${prefix}-network`, { plan }, childOpts);
    this.firewall = new Firewall(`${prefix}-firewall`, { plan, vpcId: this.network.vpcId }, childOpts);
    this.spread = Object.fromEntries(roles.map((role) => [role, this.spreadOf(role)])) as typeof this.spread;
    const { network, firewall } = this;
    this.bastion = new AwsBastion(`${prefix}-bastion`, { ...args, network, firewall }, childOpts).access;
    this.registerOutputs({ vpcId: network.vpcId, bastion: this.bastion.host });
  }

  machine(name: string, { node, hostKey, sshKey }: MachineRequest, parent: pulumi.Resource): MadeMachine {
    const { plan } = this.args;
    const { region, ssmEndpoint, protect } = plan.settings.aws!;
    const { type, disk } = plan.settings.machines[node.role];
    const parameter = hostKeyParameter(plan.cluster, node.name);
    const watchdog = node.role === "postgresql";
    const instance = makeInstance(
      name,
      {
        plan,
        node,
        type: type!,
        disk,
        zone: node.zone!,
        subnetId: this.network.subnet("nodes", node.zone!),
        address: node.address,
        securityGroupId: this.firewall.id(node.role),
        identity: identity(name, { plan, node, hostKey }, parent),
        userData: sshKey.publicKeyOpenssh.apply((key) =>
          cloudUserData(node, key, { region, hostKeyParameter: parameter, ssmEndpoint, role: node.role, watchdog }),
        ),
        private: true,
        placementGroup: this.spread[node.role],
        protect,
        before: [...this.network.outbound("nodes", node.zone!), ...this.firewall.rulesOf(node.role)],
      },
      parent,
    );
    const made = { resource: instance, incarnation: instance.id, id: instance.id };
    const volume = node.role === "postgresql" ? dataVolume(name, { plan, node, instance }, parent) : undefined;
    return { ...made, after: volume && [volume.attachment], files: volume?.files };
  }

  endpoint(proxies: NodeMachine[], ready: pulumi.Resource[], parent: pulumi.Resource): Endpoint {
    const { network, firewall } = this;
    const args = { plan: this.args.plan, network, firewall, proxies, ready };
    return new AwsEndpoint(`${this.prefix}-endpoint`, args, { parent }).endpoint;
  }

  /**
   * A placement group that puts a role's machines on hardware which shares no rack. It takes seven in a zone; with two zones
   * and nine nodes there are five.
   */
  private spreadOf(role: Role): pulumi.Output<string> {
    const { plan } = this.args;
    const name = `${plan.cluster}-${role}`;
    const group = { name, strategy: "spread", tags: tagsOf(plan, `${role}-spread`) };
    const made = new aws.ec2.PlacementGroup(`${this.prefix}-${role}-spread`, group, {
      parent: this,
      deleteBeforeReplace: true,
    });
    return made.name;
  }
}
