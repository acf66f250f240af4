/** What AWS has beside what it was given, and its answers to questions: fixed, plausible, and nothing that is not expected. */

type Properties = Record<string, unknown>;

const arn = (service: string, what: string) => `arn:aws:${service}:us-east-1:123456789012:${what}`;
const nothing = () => ({});

/** Outputs of each kind of resource beside its inputs. A kind that is not listed is not expected. */
export const awsOutputs: Record<string, (name: string, inputs: Properties) => Properties> = {
  "aws:ec2/vpc:Vpc": nothing,
  "aws:ec2/subnet:Subnet": nothing,
  "aws:ec2/internetGateway:InternetGateway": nothing,
  "aws:ec2/eip:Eip": () => ({ publicIp: "198.51.100.7" }),
  "aws:ec2/natGateway:NatGateway": nothing,
  "aws:ec2/routeTable:RouteTable": nothing,
  "aws:ec2/route:Route": nothing,
  "aws:ec2/routeTableAssociation:RouteTableAssociation": nothing,
  "aws:ec2/securityGroup:SecurityGroup": nothing,
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": nothing,
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": nothing,
  "aws:ec2/placementGroup:PlacementGroup": nothing,
  "aws:iam/role:Role": (_, { name }) => ({ arn: arn("iam", `role/${String(name)}`) }),
  "aws:iam/rolePolicy:RolePolicy": nothing,
  "aws:iam/instanceProfile:InstanceProfile": nothing,
  "aws:ssm/parameter:Parameter": (_, { name }) => ({ arn: arn("ssm", `parameter${String(name)}`) }),
  "aws:ec2/instance:Instance": nothing,
  "aws:ebs/volume:Volume": nothing,
  "aws:ec2/volumeAttachment:VolumeAttachment": nothing,
  "aws:lb/loadBalancer:LoadBalancer": (_, { name }) => ({
    arn: arn("elasticloadbalancing", `loadbalancer/net/${String(name)}/1`),
    dnsName: `${String(name)}-1.elb.us-east-1.amazonaws.com`,
    zoneId: "Z00000000000000000000",
  }),
  "aws:lb/targetGroup:TargetGroup": (_, { name }) => ({
    arn: arn("elasticloadbalancing", `targetgroup/${String(name)}/1`),
  }),
  "aws:lb/listener:Listener": nothing,
  "aws:lb/targetGroupAttachment:TargetGroupAttachment": nothing,
  "aws:route53/zone:Zone": (name) => ({ zoneId: `zone-of-${name}` }),
  "aws:route53/record:Record": nothing,
};

/** An error as the engine hands it on; the program sees `details`. */
export class ProviderError extends Error {
  readonly details: string;
  constructor(token: string, text: string) {
    super(text);
    this.details = `invocation of ${token} returned an error: invoking ${token}: 1 error occurred:\n\t* ${text}\n\n`;
  }
}

/** Answers by the function's token; one that throws a `ProviderError` stands for an error of AWS. */
export type Calls = Record<string, (args: Properties) => Properties>;

const x86 = { supportedArchitectures: ["x86_64"], ebsNvmeSupport: "required" };
const type = (defaultVcpus: number, memorySize: number) => ({ ...x86, defaultVcpus, memorySize });
const instanceTypes: Record<string, Properties> = {
  "t3.micro": type(2, 1024),
  "t3.small": type(2, 2048),
  "c7i.large": type(2, 4096),
  "m7i.large": type(2, 8192),
  "r7i.xlarge": type(4, 32_768),
  "t2.small": { ...type(1, 2048), ebsNvmeSupport: "unsupported" },
  "mac2.metal": { ...type(8, 16_384), supportedArchitectures: ["arm64_mac"] },
};

/** A pinned image, and the newest official one. */
export const images = { pinned: "ami-0123456789abcdef0", newest: "ami-0debbbbbbbbbbbbb0" };
const image = (imageId: string) => ({
  id: imageId,
  imageId,
  architecture: "x86_64",
  virtualizationType: "hvm",
  rootDeviceType: "ebs",
  state: "available",
  rootDeviceName: "/dev/xvda",
  blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { volume_size: "8" } }],
});

type Filters = { name: string; values: string[] }[];
const filtered = (args: Properties, name: string) =>
  (args.filters as Filters | undefined)?.find((one) => one.name === name)?.values[0];

/** An account in us-east-1, whose VPC vpc-0123456789abcdef0 has a subnet for machines and one for clients in three zones. */
export const awsCalls: Calls = {
  "aws:index/getCallerIdentity:getCallerIdentity": () => ({ accountId: "123456789012" }),
  "aws:index/getAvailabilityZones:getAvailabilityZones": () => ({
    names: ["a", "b", "c", "d", "e", "f"].map((letter) => `us-east-1${letter}`),
  }),
  "aws:ec2/getAmi:getAmi": (args) => {
    const token = "aws:ec2/getAmi:getAmi";
    if (args.owners) return image(images.newest);
    const id = filtered(args, "image-id");
    if (id === undefined) throw new Error(`unmocked call of ${token}`);
    if (id === images.pinned) return image(id);
    throw new ProviderError(token, "Your query returned no results. Please change your search criteria and try again.");
  },
  "aws:ec2/getInstanceType:getInstanceType": ({ instanceType }) => {
    const found = instanceTypes[String(instanceType)];
    if (found) return { instanceType, ...found };
    const reason = `api error InvalidInstanceType: The following supplied instance types do not exist: [${String(instanceType)}]`;
    throw new ProviderError(
      "aws:ec2/getInstanceType:getInstanceType",
      `operation error EC2: DescribeInstanceTypes, ${reason}`,
    );
  },
  "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": (args) => ({
    locations: instanceTypes[filtered(args, "instance-type")!]
      ? ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d", "us-east-1f"]
      : [],
  }),
};
