/** What AWS does and moto does not. */
import type { Clients } from "./clients";
import { AwsError, xml, type Handler, type Layer } from "./front";
import { placementGroups } from "./placement";

/** @param aws moto itself */
export function gaps(aws: Clients): Layer {
  return {
    ...placementGroups(),
    "ec2:RunInstances": runInstances(aws),
    "ec2:DescribeImages": describeImages,
    "ec2:StopInstances": stopInstances(aws),
    "ec2:DeleteNatGateway": deleteNatGateway(aws),
    // Nothing here moves to other hardware, or runs out of credits.
    "ec2:ModifyInstanceMaintenanceOptions": async () => xml("ModifyInstanceMaintenanceOptionsResponse", ""),
    "ec2:ModifyInstanceCreditSpecification": async () => xml("ModifyInstanceCreditSpecificationResponse", ""),
    "elasticloadbalancing:DeleteLoadBalancer": deleteLoadBalancer(aws),
    "elasticloadbalancing:SetSubnets": setSubnets(aws),
  };
}

/** GiB of an image's disk. */
const imageDisk = "8";

/** To moto all disks of images are of one size. */
const describeImages: Handler = async (_call, forward) => {
  const reply = await forward();
  return { ...reply, body: reply.body.replace(/(<volumeSize>)\d+/g, `$1${imageDisk}`) };
};

/** One that was terminated stays to be seen, and can be stopped no more. */
function stopInstances({ ec2 }: Clients): Handler {
  return async ({ params }, forward) => {
    const InstanceIds = [...params].filter(([key]) => key.startsWith("InstanceId.")).map(([, id]) => id);
    const { Reservations = [] } = await ec2.describeInstances({ InstanceIds });
    const ended = Reservations.flatMap(({ Instances = [] }) => Instances).find(
      ({ State }) => State?.Name === "terminated",
    );
    if (!ended) return forward();
    const why = `This instance '${ended.InstanceId}' is not in a state from which it can be stopped.`;
    throw new AwsError("IncorrectInstanceState", why);
  };
}

/** An image says how large its disk is; and a machine can be protected from the first moment. */
function runInstances({ ec2 }: Clients): Handler {
  return async ({ params: given }, forward) => {
    const params = new URLSearchParams(given);
    const size = "BlockDeviceMapping.1.Ebs.VolumeSize";
    if (!params.has(size)) params.set(size, imageDisk);
    const reply = await forward(params);
    const id = /<instanceId>([^<]+)</.exec(reply.body)?.[1];
    if (id && params.get("DisableApiTermination") === "true") {
      await ec2.modifyInstanceAttribute({ InstanceId: id, DisableApiTermination: { Value: true } });
    }
    return reply;
  };
}

/** The gateway's network interface goes with it. */
function deleteNatGateway({ ec2 }: Clients): Handler {
  return async (call, forward) => {
    const of = { NatGatewayIds: [call.params.get("NatGatewayId")!] };
    const [gateway] = (await ec2.describeNatGateways(of)).NatGateways ?? [];
    const reply = await forward();
    for (const { NetworkInterfaceId } of gateway?.NatGatewayAddresses ?? []) {
      await ec2.deleteNetworkInterface({ NetworkInterfaceId });
    }
    return reply;
  };
}

/** A protected one stays. */
function deleteLoadBalancer({ elb }: Clients): Handler {
  return async (call, forward) => {
    const LoadBalancerArn = call.params.get("LoadBalancerArn")!;
    const { Attributes = [] } = await elb.describeLoadBalancerAttributes({ LoadBalancerArn });
    if (Attributes.some(({ Key, Value }) => Key === "deletion_protection.enabled" && Value === "true")) {
      const why = `Load balancer '${LoadBalancerArn}' cannot be deleted because deletion protection is enabled`;
      throw new AwsError("OperationNotPermitted", why);
    }
    return forward();
  };
}

/** Of a network load balancer none goes. */
function setSubnets({ elb }: Clients): Handler {
  return async (call, forward) => {
    const LoadBalancerArns = [call.params.get("LoadBalancerArn")!];
    const [there] = (await elb.describeLoadBalancers({ LoadBalancerArns })).LoadBalancers ?? [];
    const given = [...call.params].filter(([key]) => key.startsWith("Subnets.member.")).map(([, subnet]) => subnet);
    if (there?.AvailabilityZones?.some(({ SubnetId }) => !given.includes(SubnetId!))) {
      const why =
        "Subnet removal is not supported for Network Load Balancers. You must specify all existing subnets along with any new ones";
      throw new AwsError("ValidationError", why);
    }
    return forward();
  };
}
