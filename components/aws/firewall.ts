import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../../settings/plan";
import { groups, rules, type Group, type Rule } from "../../settings/aws/flows";
import { tagsOf } from "./tags";

export interface FirewallArgs {
  plan: Plan;
  vpcId: pulumi.Input<string>;
}

/** A security group for each role, the load balancer and the bastion, with the rules of `flows.ts` and no other. */
export class Firewall extends pulumi.ComponentResource {
  private readonly groups = new Map<Group, { id: pulumi.Output<string>; rules: pulumi.Resource[] }>();

  constructor(name: string, args: FirewallArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:AwsFirewall", name, {}, opts);
    const { plan, vpcId } = args;
    for (const group of groups(plan.settings)) {
      const { id } = new aws.ec2.SecurityGroup(
        `${name}-${group}`,
        {
          name: `${plan.cluster}-${group}`,
          // A change of it would recreate the group, and nothing in it may change while machines are in the group.
          description: `pgha: ${group} of ${plan.cluster}`,
          vpcId,
          // Groups name one another: a rule in one would keep AWS from deleting the other.
          revokeRulesOnDelete: true,
          tags: tagsOf(plan, group),
        },
        { parent: this, deleteBeforeReplace: true },
      );
      this.groups.set(group, { id, rules: [] });
    }
    for (const rule of rules(plan.settings)) this.groupOf(rule.group).rules.push(this.declare(name, plan, rule));
    this.registerOutputs(Object.fromEntries([...this.groups].map(([group, { id }]) => [group, id])));
  }

  /** Id of a group. */
  id(group: Group): pulumi.Output<string> {
    return this.groupOf(group).id;
  }

  /** The rules of a group: until they exist, its machines reach nothing and are not reached. */
  rulesOf(group: Group): pulumi.Resource[] {
    return this.groups.get(group)?.rules ?? [];
  }

  private groupOf(group: Group) {
    const found = this.groups.get(group);
    if (!found) throw new Error(`there is no security group for ${group}`);
    return found;
  }

  private declare(name: string, plan: Plan, { group, direction, peer, port, why }: Rule): pulumi.Resource {
    const other = "group" in peer ? peer.group : peer.cidr.replace("/", "-");
    const ruleName = `${group}-${direction === "ingress" ? "from" : "to"}-${other}-${port}`;
    const rule = {
      securityGroupId: this.id(group),
      ...("group" in peer ? { referencedSecurityGroupId: this.id(peer.group) } : { cidrIpv4: peer.cidr }),
      ipProtocol: "tcp",
      fromPort: port,
      toPort: port,
      description: why,
      tags: tagsOf(plan, ruleName),
    };
    // AWS refuses a second rule that says the same: the old one goes first.
    const opts = { parent: this, deleteBeforeReplace: true };
    return direction === "ingress"
      ? new aws.vpc.SecurityGroupIngressRule(`${name}-${ruleName}`, rule, opts)
      : new aws.vpc.SecurityGroupEgressRule(`${name}-${ruleName}`, rule, opts);
  }
}
