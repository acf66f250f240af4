import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { cloudUserData } from "../../cloud-init/cloud-user-data";
import { adminUser } from "../../cloud-init/user-data";
import type { Bastion, DriverArgs } from "../driver";
import { ports } from "../../settings/ports";
import type { Firewall } from "./firewall";
import { hostKeyParameter, identity } from "./identity";
import { makeInstance } from "./instance";
import type { AwsNetwork } from "./network";
import { tagsOf } from "./tags";

export interface AwsBastionArgs extends DriverArgs {
  network: AwsNetwork;
  firewall: Firewall;
}

/**
 * The way in to private machines: a machine of the cluster's own with a public address, which accepts SSH from
 * `aws.bastion.allow` only and keeps no key of anybody; or an existing one, for which nothing is made.
 */
export class AwsBastion extends pulumi.ComponentResource {
  /** How to get in. Its host is known once it exists, so what goes through it waits for it. */
  readonly access: Bastion;

  constructor(name: string, args: AwsBastionArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:AwsBastion", name, {}, opts);
    const { bastion } = args.plan.settings.aws!;
    const operators = args.sshKey.privateKeyOpenssh;
    this.access =
      "host" in bastion
        ? {
            host: pulumi.output(bastion.host),
            port: bastion.port,
            user: bastion.user,
            hostKey: pulumi.output(bastion.hostKey),
            privateKey: pulumi.secret(args.bastionKey ?? operators),
          }
        : {
            host: this.make(name, args, bastion.type),
            port: ports.ssh,
            user: adminUser,
            hostKey: args.bastionHostKey!.publicKeyOpenssh.apply((key) => key.trim()),
            privateKey: pulumi.secret(operators),
          };
    this.registerOutputs({ host: this.access.host });
  }

  /** @returns its public address, which it keeps when it is recreated */
  private make(
    name: string,
    { plan, network, firewall, sshKey, bastionHostKey }: AwsBastionArgs,
    type: string,
  ): pulumi.Output<string> {
    const { zones, region, ssmEndpoint } = plan.settings.aws!;
    const node = { name: "bastion", role: "bastion" };
    const zone = zones[0]!;
    const outbound = network.outbound("public", zone);
    const parameter = hostKeyParameter(plan.cluster, node.name);
    const instance = makeInstance(
      name,
      {
        plan,
        node,
        type,
        zone,
        subnetId: network.subnet("public", zone),
        securityGroupId: firewall.id("bastion"),
        identity: identity(name, { plan, node, hostKey: bastionHostKey! }, this),
        userData: sshKey.publicKeyOpenssh.apply((key) =>
          cloudUserData(node, key, { region, hostKeyParameter: parameter, ssmEndpoint, watchdog: false }),
        ),
        private: false,
        // It holds nothing: a new one is as good.
        protect: false,
        before: [...outbound, ...firewall.rulesOf("bastion")],
      },
      this,
    );
    const address = new aws.ec2.Eip(
      `${name}-address`,
      { domain: "vpc", instance: instance.id, tags: tagsOf(plan, node.name, node) },
      { parent: this, dependsOn: outbound },
    );
    return address.publicIp;
  }
}
