/** One of everything that pgha uses of AWS, by name: its type and its inputs, which may name those before it. */
import { images } from "../../../simulator/cloud/moto";
import type { Resource } from "../../../simulator/plugins/engine";
import type { Values } from "../../../simulator/plugins/lib/wire";

export type Made = Record<string, Resource>;

const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } }],
});

/** A rule of the kind that names addresses. */
export const sshRule = (group: string): Values => ({
  securityGroupId: group,
  cidrIpv4: "203.0.113.0/24",
  ipProtocol: "tcp",
  fromPort: 22,
  toPort: 22,
  description: "operators",
  tags: { Name: "ssh" },
});

type Declaration = [name: string, type: string, inputs: (made: Made) => Values];

export const everything: Declaration[] = [
  [
    "vpc",
    "aws:ec2/vpc:Vpc",
    () => ({ cidrBlock: "10.94.0.0/22", enableDnsHostnames: true, enableDnsSupport: true, tags: { Name: "vpc" } }),
  ],
  [
    "closed",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    ({ vpc }) => ({ vpcId: vpc!.id, tags: { Name: "c" } }),
  ],
  ["igw", "aws:ec2/internetGateway:InternetGateway", ({ vpc }) => ({ vpcId: vpc!.id, tags: { Name: "igw" } })],
  [
    "subnet",
    "aws:ec2/subnet:Subnet",
    ({ vpc }) => ({
      vpcId: vpc!.id,
      cidrBlock: "10.94.0.0/26",
      availabilityZone: "us-east-1a",
      mapPublicIpOnLaunch: false,
      tags: { Name: "subnet" },
    }),
  ],
  [
    "second",
    "aws:ec2/subnet:Subnet",
    ({ vpc }) => ({
      vpcId: vpc!.id,
      cidrBlock: "10.94.0.64/26",
      availabilityZone: "us-east-1b",
      tags: { Name: "second" },
    }),
  ],
  ["natAddress", "aws:ec2/eip:Eip", () => ({ domain: "vpc", tags: { Name: "nat" } })],
  [
    "nat",
    "aws:ec2/natGateway:NatGateway",
    ({ natAddress, subnet }) => ({ allocationId: natAddress!.id, subnetId: subnet!.id, tags: { Name: "nat" } }),
  ],
  ["table", "aws:ec2/routeTable:RouteTable", ({ vpc }) => ({ vpcId: vpc!.id, tags: { Name: "table" } })],
  [
    "route",
    "aws:ec2/route:Route",
    ({ table, nat }) => ({ routeTableId: table!.id, destinationCidrBlock: "0.0.0.0/0", natGatewayId: nat!.id }),
  ],
  [
    "association",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    ({ table, subnet }) => ({ routeTableId: table!.id, subnetId: subnet!.id }),
  ],
  [
    "group",
    "aws:ec2/securityGroup:SecurityGroup",
    ({ vpc }) => ({ name: "etcd", description: "d", vpcId: vpc!.id, revokeRulesOnDelete: true, tags: { Name: "g" } }),
  ],
  ["ssh", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", ({ group }) => sshRule(group!.id)],
  [
    "peers",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    ({ group }) => ({
      securityGroupId: group!.id,
      referencedSecurityGroupId: group!.id,
      ipProtocol: "tcp",
      fromPort: 2380,
      toPort: 2380,
      tags: { Name: "peers" },
    }),
  ],
  [
    "role",
    "aws:iam/role:Role",
    () => ({ name: "etcd1", assumeRolePolicy: trust, description: "d", tags: { Name: "r" } }),
  ],
  [
    "parameter",
    "aws:ssm/parameter:Parameter",
    () => ({ name: "/pgha/x/key", type: "SecureString", value: "a key", description: "d", tags: { Name: "p" } }),
  ],
  [
    "policy",
    "aws:iam/rolePolicy:RolePolicy",
    ({ role, parameter }) => ({ name: "read", role: role!.id, policy: policy(String(parameter!.state.arn)) }),
  ],
  [
    "profile",
    "aws:iam/instanceProfile:InstanceProfile",
    ({ role }) => ({ name: "etcd1", role: role!.id, tags: { N: "p" } }),
  ],
  [
    "spread",
    "aws:ec2/placementGroup:PlacementGroup",
    () => ({ name: "etcd", strategy: "spread", tags: { Name: "s" } }),
  ],
  [
    "instance",
    "aws:ec2/instance:Instance",
    ({ subnet, group, profile, spread }) => ({
      ami: images[0]!.ami_id,
      instanceType: "t3.micro",
      availabilityZone: "us-east-1a",
      subnetId: subnet!.id,
      privateIp: "10.94.0.5",
      associatePublicIpAddress: false,
      vpcSecurityGroupIds: [group!.id],
      iamInstanceProfile: profile!.id,
      userData: "#cloud-config\n",
      metadataOptions: { httpTokens: "required" },
      rootBlockDevice: { volumeType: "gp3", volumeSize: 8, encrypted: true, tags: { Name: "root" } },
      placementGroup: spread!.id,
      ebsOptimized: true,
      tags: { Name: "instance" },
    }),
  ],
  ["address", "aws:ec2/eip:Eip", ({ instance }) => ({ domain: "vpc", instance: instance!.id, tags: { Name: "a" } })],
  [
    "volume",
    "aws:ebs/volume:Volume",
    () => ({
      availabilityZone: "us-east-1a",
      size: 4,
      type: "gp3",
      iops: 3000,
      throughput: 125,
      encrypted: true,
      tags: { Name: "volume" },
    }),
  ],
  [
    "attachment",
    "aws:ec2/volumeAttachment:VolumeAttachment",
    ({ volume, instance }) => ({
      deviceName: "/dev/sdf",
      volumeId: volume!.id,
      instanceId: instance!.id,
      stopInstanceBeforeDetaching: true,
    }),
  ],
  [
    "balancer",
    "aws:lb/loadBalancer:LoadBalancer",
    ({ subnet, group }) => ({
      name: "pgha",
      internal: true,
      loadBalancerType: "network",
      subnets: [subnet!.id],
      securityGroups: [group!.id],
      enableCrossZoneLoadBalancing: true,
      tags: { Name: "balancer" },
    }),
  ],
  ["targets", "aws:lb/targetGroup:TargetGroup", ({ vpc }) => targetGroup(vpc!.id)],
  [
    "listener",
    "aws:lb/listener:Listener",
    ({ balancer, targets }) => ({
      loadBalancerArn: balancer!.id,
      port: 5000,
      protocol: "TCP",
      defaultActions: [{ type: "forward", targetGroupArn: targets!.id }],
      tags: { Name: "listener" },
    }),
  ],
  [
    "target",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    ({ targets }) => ({ targetGroupArn: targets!.id, targetId: "10.94.0.5", port: 5000 }),
  ],
  [
    "zone",
    "aws:route53/zone:Zone",
    ({ vpc }) => ({ name: "pgha.internal", vpcs: [{ vpcId: vpc!.id }], forceDestroy: true, tags: { Name: "zone" } }),
  ],
  [
    "record",
    "aws:route53/record:Record",
    ({ zone, balancer }) => ({
      zoneId: zone!.id,
      name: "db.pgha.internal",
      type: "A",
      aliases: [{ name: balancer!.state.dnsName!, zoneId: balancer!.state.zoneId!, evaluateTargetHealth: false }],
    }),
  ],
];

export const typeOf = (name: string): string => everything.find(([one]) => one === name)![1];

export const policy = (resource: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "ssm:GetParameter", Resource: resource }],
  });

const targetGroup = (vpcId: string): Values => ({
  name: "pgha-write",
  port: 5000,
  protocol: "TCP",
  vpcId,
  targetType: "ip",
  preserveClientIp: "false",
  deregistrationDelay: 60,
  connectionTermination: true,
  healthCheck: { protocol: "HTTP", port: "8010", path: "/write", matcher: "200", interval: 10, timeout: 5 },
  targetHealthStates: [{ enableUnhealthyConnectionTermination: false }],
  tags: { Name: "targets" },
});
