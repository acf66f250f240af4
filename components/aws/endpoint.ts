import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Endpoint, NodeMachine } from "../driver";
import { clientNames, type Node, type Plan } from "../../settings/plan";
import { ports } from "../../settings/ports";
import { Drain } from "./drain/resource";
import type { Firewall } from "./firewall";
import { balancedPorts, endpointPorts, targetGroupName, uses, type Use } from "../../settings/aws/flows";
import type { AwsNetwork } from "./network";
import { tagsOf } from "./tags";

export interface AwsEndpointArgs {
  plan: Plan;
  network: AwsNetwork;
  firewall: Firewall;
  proxies: NodeMachine[];
  /** Done when every proxy takes what comes from here. */
  ready: pulumi.Resource[];
}

/** Seconds for which clients may stay at a proxy that is taken away. What is left then is cut rather than left hanging. */
const stay = 60;

/** A proxy behind the load balancer. */
interface Target {
  node: Node;
  address: pulumi.Output<string>;
  drain: Drain;
}

/**
 * One name for clients: a network load balancer in front of the proxies, internal unless `aws.public`. It asks each proxy whether
 * what a port is for is really behind it (`/write`: a leader, `/read`: a replica, `/pooled`: a leader whose PgBouncer accepts).
 *
 * It costs by the hour, and by connections and bytes.
 */
export class AwsEndpoint extends pulumi.ComponentResource {
  readonly endpoint: Endpoint;
  private readonly prefix: string;

  constructor(name: string, args: AwsEndpointArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:AwsEndpoint", name, {}, opts);
    this.prefix = name;
    const { plan, network, firewall } = args;
    const { zones, public: open, protect, vpc } = plan.settings.aws!;
    // In an existing VPC the settings name the subnets, whether clients are inside or outside.
    const tier = open && !vpc ? "public" : "clients";
    const balancer = new aws.lb.LoadBalancer(
      `${name}-balancer`,
      {
        name: plan.cluster,
        internal: !open,
        loadBalancerType: "network",
        subnets: zones.map((zone) => network.subnet(tier, zone)),
        securityGroups: [firewall.id("endpoint")],
        // There may be fewer proxies than zones: each zone's address leads to all of them.
        enableCrossZoneLoadBalancing: true,
        enableDeletionProtection: protect,
        tags: tagsOf(plan, "endpoint"),
      },
      {
        parent: this,
        protect,
        deleteBeforeReplace: true,
        // AWS refuses one for clients outside while its subnets do not lead there.
        dependsOn: [...firewall.rulesOf("endpoint"), ...zones.flatMap((zone) => network.outbound(tier, zone))],
      },
    );
    const targets = args.proxies.map(({ node, machine: { resource, incarnation }, connection }): Target => {
      // Deleted with nothing: it is what has to happen before its machine goes.
      const drain = new Drain(
        `${name}-${node.name}-drain`,
        { connection, incarnation, stay },
        { parent: this, dependsOn: resource },
      );
      // Its address is known before it exists. That it is another one's once its machine is recreated, Pulumi sees by this alone.
      return { node, address: incarnation.apply(() => node.address), drain };
    });
    for (const use of uses) this.offer(args, balancer, targets, use);
    const [named] = clientNames(plan.settings);
    if (named) this.addName(args, balancer, named);
    this.endpoint = { host: named ? pulumi.output(named) : balancer.dnsName, ports: endpointPorts };
    this.registerOutputs({ host: this.endpoint.host });
  }

  /** A port of the balancer and the proxies behind it. */
  private offer({ plan, network, ready }: AwsEndpointArgs, balancer: aws.lb.LoadBalancer, targets: Target[], use: Use) {
    const port = balancedPorts[use];
    const name = `${this.prefix}-to-${use}`;
    const opts = { parent: this, deleteBeforeReplace: true };
    const tags = tagsOf(plan, use);
    const group = new aws.lb.TargetGroup(
      name,
      {
        name: targetGroupName(plan.cluster, use),
        port,
        protocol: "TCP",
        vpcId: network.vpcId,
        // By address. With the client's address kept, a machine could not reach itself through
        // the balancer, and two of a client's connections by way of two zones could look like one.
        targetType: "ip",
        preserveClientIp: "false",
        // Said instead: before all else on each connection, whose it is.
        proxyProtocolV2: true,
        // Its machine waits for that, too: `drain/`.
        deregistrationDelay: stay,
        connectionTermination: true,
        healthCheck: {
          enabled: true,
          protocol: "HTTP",
          port: String(ports.health),
          path: `/${use}`,
          matcher: "200",
          interval: 10,
          timeout: 5,
          healthyThreshold: 2,
          unhealthyThreshold: 2,
        },
        // In a failover all proxies are without a leader for a moment: their connections wait there, and must not be cut here.
        targetHealthStates: [{ enableUnhealthyConnectionTermination: false }],
        tags,
      },
      opts,
    );
    new aws.lb.Listener(
      `${this.prefix}-${use}-listener`,
      {
        loadBalancerArn: balancer.arn,
        port: endpointPorts[use],
        protocol: "TCP",
        defaultActions: [{ type: "forward", targetGroupArn: group.arn }],
        tags,
      },
      // One that leads to other ports than before must find the proxies at them.
      { ...opts, dependsOn: ready },
    );
    for (const { node, address, drain } of targets) {
      new aws.lb.TargetGroupAttachment(
        `${name}-${node.name}`,
        { targetGroupArn: group.arn, targetId: address, port },
        { ...opts, dependsOn: drain },
      );
    }
  }

  /** A name for the balancer in a private DNS zone of the cluster's own. */
  private addName({ plan, network }: AwsEndpointArgs, balancer: aws.lb.LoadBalancer, name: string): void {
    const { dns, protect } = plan.settings.aws!;
    const zone = new aws.route53.Zone(
      `${this.prefix}-zone`,
      {
        name: dns,
        comment: `pgha: clients of ${plan.cluster}`,
        vpcs: [{ vpcId: network.vpcId }],
        // Records that somebody else made in it go with it, unless the stack is protected.
        forceDestroy: !protect,
        tags: tagsOf(plan, "dns"),
      },
      { parent: this, protect },
    );
    const alias = { name: balancer.dnsName, zoneId: balancer.zoneId, evaluateTargetHealth: false };
    new aws.route53.Record(
      `${this.prefix}-record`,
      { zoneId: zone.zoneId, name, type: "A", aliases: [alias] },
      { parent: this, deleteBeforeReplace: true },
    );
  }
}
