/**
 * In which order things can be made and taken away. AWS refuses what comes too early; the provider tries again, so that a wrong order
 * is seen by nobody until it takes 20 minutes. Here what was refused is noted, and a rehearsal fails for it.
 */
import type { Instance } from "@aws-sdk/client-ec2";
import { setTimeout as pause } from "node:timers/promises";
import type { Clients } from "./clients";
import { AwsError, xml, type Call, type Handler, type Layer } from "./front";
import { ofAddress, ofAttachment, ofGroup, ofSubnet, ofVolume, ofVpc, type Holder } from "./holders";

/** How long things take here, milliseconds. With AWS it is up to some minutes. */
export interface Lags {
  /** Until a machine that is terminated has shut down. */
  shutdown: number;
  /** Until a gateway is attached, and until EC2 knows an instance profile. */
  arrival: number;
}

/** A machine that shuts down, and what it holds until then: groups, subnet, disks, its address. */
interface Ending {
  until: number;
  holds: Set<string>;
}

export class Order {
  /** What was refused because it came too early: "DeleteSubnet subnet-1: load balancer pgha". */
  readonly tooEarly: string[] = [];
  private readonly ending = new Map<string, Ending>();
  private readonly profiles = new Map<string, number>();

  /** @param aws moto itself */
  constructor(
    private readonly aws: Clients,
    private readonly lags: Lags = { shutdown: 2000, arrival: 1500 },
  ) {}

  readonly layer: Layer = {
    "ec2:TerminateInstances": (call, forward) => this.terminate(call, forward),
    "ec2:DescribeInstances": async (_call, forward) => {
      const reply = await forward();
      return { ...reply, body: this.shown(reply.body) };
    },
    "ec2:DeleteSecurityGroup": this.held(
      "GroupId",
      ofGroup,
      "DependencyViolation",
      (id) => `resource ${id} has a dependent object`,
    ),
    "ec2:DeleteSubnet": this.held(
      "SubnetId",
      ofSubnet,
      "DependencyViolation",
      (id) => `The subnet '${id}' has dependencies and cannot be deleted.`,
    ),
    "ec2:DetachInternetGateway": this.held(
      "VpcId",
      ofAttachment,
      "DependencyViolation",
      (id) =>
        `Network ${id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.`,
    ),
    "ec2:DeleteVpc": this.held(
      "VpcId",
      ofVpc,
      "DependencyViolation",
      (id) => `The vpc '${id}' has dependencies and cannot be deleted.`,
    ),
    "ec2:DeleteVolume": this.held(
      "VolumeId",
      ofVolume,
      "VolumeInUse",
      (id, holder) => `Volume ${id} is currently attached to ${holder}`,
    ),
    "ec2:ReleaseAddress": this.held(
      "AllocationId",
      ofAddress,
      "InvalidIPAddress.InUse",
      (id) => `The address ${id} is in use.`,
    ),
    "ec2:RunInstances": async (call, forward) => {
      this.freeAddress(call);
      this.knownProfile(call);
      return forward();
    },
    "iam:CreateInstanceProfile": async (call, forward) => {
      this.profiles.set(call.params.get("InstanceProfileName")!, Date.now() + this.lags.arrival);
      return forward();
    },
    "ec2:AttachInternetGateway": async (_call, forward) => {
      await pause(this.lags.arrival);
      return forward();
    },
    "ec2:CreateNatGateway": async (call, forward) => {
      await this.attached(await this.vpcOf(call.params.get("SubnetId")!), "CreateNatGateway", "Gateway.NotAttached");
      return forward();
    },
    "elasticloadbalancing:CreateLoadBalancer": async (call, forward) => {
      const open = call.params.get("Scheme") !== "internal";
      const subnet = call.params.get("Subnets.member.1");
      if (open && subnet) await this.attached(await this.vpcOf(subnet), "CreateLoadBalancer", "InvalidSubnet");
      return forward();
    },
  };

  private refuse(what: string, holder: string, code: string, message: string): never {
    this.tooEarly.push(`${what}: ${holder}`);
    throw new AwsError(code, message);
  }

  /** A call that takes something away, which somebody may hold. */
  private held(
    parameter: string,
    holder: Holder,
    code: string,
    message: (id: string, holder: string) => string,
  ): Handler {
    return async (call, forward) => {
      const id = call.params.get(parameter)!;
      const machine = this.endingWith(id);
      // Pulumi deletes a disk beside its machine, and the provider waits: that is no wrong order.
      if (machine && call.action === "DeleteVolume") throw new AwsError(code, message(id, machine));
      const found = machine ?? (await holder(id, this.aws));
      if (found) this.refuse(`${call.action} ${id}`, found, code, message(id, found));
      return forward();
    };
  }

  /** The machine that shuts down and holds this. */
  private endingWith(id: string): string | undefined {
    return [...this.ending].find(([, { until, holds }]) => until > Date.now() && holds.has(id))?.[0];
  }

  private async terminate(call: Call, forward: () => ReturnType<Handler>) {
    const ids = [...call.params].filter(([key]) => /^InstanceId\.\d+$/.test(key)).map(([, id]) => id);
    const { Reservations = [] } = await this.aws.ec2.describeInstances({ InstanceIds: ids });
    const reply = await forward();
    if (reply.status >= 300) return reply;
    const until = Date.now() + this.lags.shutdown;
    for (const one of Reservations.flatMap(({ Instances = [] }) => Instances)) {
      this.ending.set(one.InstanceId!, { until, holds: heldBy(one) });
    }
    const state = (what: string, code: number, name: string) =>
      `<${what}><code>${code}</code><name>${name}</name></${what}>`;
    const items = ids.map(
      (id) =>
        `<item><instanceId>${id}</instanceId>${state("currentState", 32, "shutting-down")}${state("previousState", 16, "running")}</item>`,
    );
    return xml("TerminateInstancesResponse", `<instancesSet>${items.join("")}</instancesSet>`);
  }

  /** A list of machines with those that shut down shown as that; to moto they are gone. */
  private shown(body: string): string {
    const now = Date.now();
    const ending = [...this.ending].filter(([, { until }]) => until > now);
    return ending.reduce(
      (text, [id]) =>
        text.replace(
          new RegExp(`(<instanceId>${id}</instanceId>[^]*?<instanceState>)[^]*?(</instanceState>)`),
          "$1<code>32</code><name>shutting-down</name>$2",
        ),
      body,
    );
  }

  private freeAddress({ params }: Call): void {
    const address = params.get("NetworkInterface.1.PrivateIpAddress");
    const machine = address && this.endingWith(address);
    if (machine) {
      this.refuse(`RunInstances ${address}`, machine, "InvalidIPAddress.InUse", `Address ${address} is in use.`);
    }
  }

  private knownProfile({ params }: Call): void {
    const name = params.get("IamInstanceProfile.Name");
    if (!name || (this.profiles.get(name) ?? 0) < Date.now()) return;
    const why = `Value (${name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name`;
    throw new AwsError("InvalidParameterValue", why);
  }

  private async vpcOf(subnet: string): Promise<string> {
    const { Subnets } = await this.aws.ec2.describeSubnets({ SubnetIds: [subnet] });
    return Subnets![0]!.VpcId!;
  }

  private async attached(vpc: string, what: string, code: string): Promise<void> {
    const { InternetGateways = [] } = await this.aws.ec2.describeInternetGateways({
      Filters: [{ Name: "attachment.vpc-id", Values: [vpc] }],
    });
    if (InternetGateways.length > 0) return;
    this.refuse(what, "no internet gateway is attached", code, `VPC ${vpc} has no internet gateway`);
  }
}

function heldBy({
  NetworkInterfaces = [],
  PrivateIpAddress,
  SubnetId,
  BlockDeviceMappings = [],
}: Instance): Set<string> {
  const groups = NetworkInterfaces.flatMap(({ Groups = [] }) => Groups.map(({ GroupId }) => GroupId));
  const disks = BlockDeviceMappings.map(({ Ebs }) => Ebs?.VolumeId);
  return new Set([PrivateIpAddress, SubnetId, ...groups, ...disks].filter((id) => id !== undefined));
}
