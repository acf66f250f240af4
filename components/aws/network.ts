import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../../settings/plan";
import { layout, type Layout } from "../../settings/aws/layout";
import { tagsOf } from "./tags";

/** A kind of subnet, one in each zone. */
export type Tier = keyof Layout;

export interface AwsNetworkArgs {
  plan: Plan;
}

/** A subnet, and what makes it reach the internet. */
interface Subnet {
  id: pulumi.Output<string>;
  outbound: pulumi.Resource[];
}

/**
 * The VPC: one of the cluster's own, or an existing one by its ids, in which nothing is made.
 *
 * Its own costs a NAT gateway by the hour (one in each zone with `natPerZone`) and by the GiB that goes through it.
 */
export class AwsNetwork extends pulumi.ComponentResource {
  readonly vpcId: pulumi.Output<string>;
  private readonly subnets = new Map<string, Subnet>();

  constructor(
    private readonly prefix: string,
    private readonly args: AwsNetworkArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("pgha:index:AwsNetwork", prefix, {}, opts);
    const { vpc } = args.plan.settings.aws!;
    this.vpcId = vpc ? pulumi.output(vpc.id) : this.make();
    if (vpc) {
      const use = (tier: Tier, zone: string, id: string) =>
        this.subnets.set(`${tier}-${zone}`, { id: pulumi.output(id), outbound: [] });
      for (const [zone, { subnet }] of Object.entries(vpc.nodes)) {
        use("nodes", zone, subnet);
        use("clients", zone, vpc.clients?.[zone] ?? subnet);
      }
    }
    this.registerOutputs({ vpcId: this.vpcId });
  }

  /** Id of the subnet of a tier in a zone. */
  subnet(tier: Tier, zone: string): pulumi.Output<string> {
    return this.subnetOf(tier, zone).id;
  }

  /** What must exist before a machine in that subnet reaches the internet: it needs it from its first boot on. */
  outbound(tier: Tier, zone: string): pulumi.Resource[] {
    return this.subnetOf(tier, zone).outbound;
  }

  private subnetOf(tier: Tier, zone: string): Subnet {
    const found = this.subnets.get(`${tier}-${zone}`);
    if (!found) throw new Error(`there is no subnet ${tier} in ${zone}`);
    return found;
  }

  private tagged(what: string) {
    return { tags: tagsOf(this.args.plan, what) };
  }

  /** Makes a VPC with its subnets and gateways. @returns its id */
  private make(): pulumi.Output<string> {
    const { prefix } = this;
    const opts = { parent: this };
    const { network, aws: settings } = this.args.plan.settings;
    const vpc = new aws.ec2.Vpc(
      `${prefix}-vpc`,
      { cidrBlock: network.cidr, enableDnsHostnames: true, enableDnsSupport: true, ...this.tagged("vpc") },
      opts,
    );
    const gateway = new aws.ec2.InternetGateway(`${prefix}-igw`, { vpcId: vpc.id, ...this.tagged("igw") }, opts);

    const blocks = layout(this.args.plan.settings);
    const out = this.routes("public", vpc, { gatewayId: gateway.id });
    const natZones = settings!.natPerZone ? settings!.zones : settings!.zones.slice(0, 1);
    const nats = new Map<string, aws.ec2.NatGateway>();
    for (const [zone, block] of Object.entries(blocks.public)) {
      const subnet = this.makeSubnet("public", zone, block.cidr, vpc, out);
      if (natZones.includes(zone)) nats.set(zone, this.nat(zone, subnet));
    }
    for (const zone of settings!.zones) {
      const nat = nats.get(zone) ?? nats.get(natZones[0]!)!;
      const throughNat = this.routes(`private-${zone}`, vpc, { natGatewayId: nat.id });
      this.makeSubnet("nodes", zone, blocks.nodes[zone]!.cidr, vpc, throughNat);
      this.makeSubnet("clients", zone, blocks.clients[zone]!.cidr, vpc, throughNat);
    }
    return vpc.id;
  }

  /** A route table with one default route. */
  private routes(
    what: string,
    vpc: aws.ec2.Vpc,
    way: { gatewayId: pulumi.Input<string> } | { natGatewayId: pulumi.Input<string> },
  ) {
    const opts = { parent: this };
    const table = new aws.ec2.RouteTable(`${this.prefix}-${what}`, { vpcId: vpc.id, ...this.tagged(what) }, opts);
    const target = { routeTableId: table.id, destinationCidrBlock: "0.0.0.0/0", ...way };
    const route = new aws.ec2.Route(`${this.prefix}-${what}-default`, target, {
      parent: this,
      deleteBeforeReplace: true,
    });
    return { table, route };
  }

  private makeSubnet(
    tier: Tier,
    zone: string,
    cidrBlock: string,
    vpc: aws.ec2.Vpc,
    { table, route }: { table: aws.ec2.RouteTable; route: aws.ec2.Route },
  ): Subnet {
    const what = `${tier}-${zone}`;
    // Nothing gets a public address by being in a subnet; who needs one is given it by name.
    const place = { vpcId: vpc.id, cidrBlock, availabilityZone: zone, mapPublicIpOnLaunch: false };
    const { id } = new aws.ec2.Subnet(
      `${this.prefix}-${what}`,
      { ...place, ...this.tagged(what) },
      // Two subnets cannot have one block.
      { parent: this, deleteBeforeReplace: true },
    );
    const association = new aws.ec2.RouteTableAssociation(
      `${this.prefix}-${what}-routes`,
      { subnetId: id, routeTableId: table.id },
      { parent: this, deleteBeforeReplace: true },
    );
    const subnet = { id, outbound: [route, association] };
    this.subnets.set(what, subnet);
    return subnet;
  }

  private nat(zone: string, subnet: Subnet): aws.ec2.NatGateway {
    const what = `nat-${zone}`;
    const address = new aws.ec2.Eip(
      `${this.prefix}-${what}-address`,
      { domain: "vpc", ...this.tagged(what) },
      { parent: this },
    );
    return new aws.ec2.NatGateway(
      `${this.prefix}-${what}`,
      { allocationId: address.id, subnetId: subnet.id, ...this.tagged(what) },
      // An address serves one gateway at a time; and before its subnet leads outside, a gateway leads nowhere.
      { parent: this, deleteBeforeReplace: true, dependsOn: subnet.outbound },
    );
  }
}
