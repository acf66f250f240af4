/**
 * What a change of each input does with the real provider, @pulumi/aws 7.48.0: the facts that its stand-in is held to. Sources are
 * files of terraform-provider-aws under internal/service, read in versions from 5 to 6, and the declarations of @pulumi/aws itself
 * (.d.ts, 7.48.0); "known" is what nobody has looked up again.
 */
import type { Value } from "../../../../simulator/plugins/lib/wire";

/** The old one goes and another one is made, or it stays. */
export type Fate = "replaced" | "changed";

export type Fact = [input: string, fate: Fate, before: Value, after: Value];

export interface Facts {
  source: string;
  facts: Fact[];
}

const text = (input: string, fate: Fate): Fact => [input, fate, "one", "other"];
const flag = (input: string, fate: Fate): Fact => [input, fate, false, true];
const count = (input: string, fate: Fate): Fact => [input, fate, 1000, 2000];
const all = (fact: (input: string, fate: Fate) => Fact, fate: Fate, ...inputs: string[]) =>
  inputs.map((input) => fact(input, fate));

const rule: Facts = {
  source:
    "ec2/vpc_security_group_ingress_rule.go: RequiresReplace of the group; ModifySecurityGroupRules; kind of source: known",
  facts: [
    text("securityGroupId", "replaced"),
    ["cidrIpv4", "changed", "10.0.0.0/8", "10.0.0.0/16"],
    ["cidrIpv4", "replaced", "10.0.0.0/8", undefined],
    text("referencedSecurityGroupId", "changed"),
    ["referencedSecurityGroupId", "replaced", undefined, "sg-1"],
    ...all(text, "changed", "ipProtocol", "description"),
    ...all(count, "changed", "fromPort", "toPort"),
  ],
};

/** By type of resource. Of every input there is one at least; `tags` are changed in place everywhere. */
export const facts: Record<string, Facts> = {
  "aws:ec2/instance:Instance": {
    source: "ec2/ec2_instance.go: ForceNew; resourceInstanceUpdate, modifyInstanceAttributeWithStopStart",
    facts: [
      ...all(text, "replaced", "ami", "availabilityZone", "subnetId", "privateIp", "placementGroup"),
      ...all(flag, "replaced", "associatePublicIpAddress", "ebsOptimized"),
      ...all(text, "changed", "instanceType", "userData", "iamInstanceProfile", "instanceInitiatedShutdownBehavior"),
      flag("disableApiTermination", "changed"),
      ["vpcSecurityGroupIds", "changed", ["sg-1"], ["sg-2"]],
      ["metadataOptions", "changed", { httpTokens: "optional" }, { httpTokens: "required" }],
      ["maintenanceOptions", "changed", { autoRecovery: "default" }, { autoRecovery: "disabled" }],
      ["creditSpecification", "changed", { cpuCredits: "standard" }, { cpuCredits: "unlimited" }],
      ["rootBlockDevice", "changed", { volumeSize: 8 }, { volumeSize: 9 }],
      ["rootBlockDevice", "changed", { volumeType: "gp2" }, { volumeType: "gp3" }],
      ["rootBlockDevice", "changed", { deleteOnTermination: true }, { deleteOnTermination: false }],
      ["rootBlockDevice", "replaced", { encrypted: false }, { encrypted: true }],
      ["rootBlockDevice", "replaced", { kmsKeyId: "one" }, { kmsKeyId: "other" }],
    ],
  },
  "aws:ebs/volume:Volume": {
    source: "ec2/ebs_volume.go: ForceNew; ModifyVolume",
    facts: [
      ...all(text, "replaced", "availabilityZone", "kmsKeyId"),
      flag("encrypted", "replaced"),
      ...all(count, "changed", "size", "iops", "throughput"),
      text("type", "changed"),
    ],
  },
  "aws:ec2/volumeAttachment:VolumeAttachment": {
    source: "ec2/ebs_volume_attachment.go: ForceNew; its update does nothing",
    facts: [
      ...all(text, "replaced", "deviceName", "volumeId", "instanceId"),
      ...all(flag, "changed", "stopInstanceBeforeDetaching", "skipDestroy", "forceDetach"),
    ],
  },
  "aws:lb/loadBalancer:LoadBalancer": {
    source:
      "elbv2/load_balancer.go: customizeDiffLoadBalancerNLB; lb/loadBalancer.d.ts: subnets, securityGroups; the rest known",
    facts: [
      ...all(text, "replaced", "name", "loadBalancerType"),
      flag("internal", "replaced"),
      ["subnets", "changed", ["subnet-1"], ["subnet-1", "subnet-2"]],
      ["subnets", "replaced", ["subnet-1", "subnet-2"], ["subnet-1"]],
      ["subnets", "replaced", ["subnet-1", "subnet-2"], ["subnet-1", "subnet-3"]],
      ["securityGroups", "changed", ["sg-1"], ["sg-2"]],
      ["securityGroups", "replaced", undefined, ["sg-1"]],
      ["securityGroups", "replaced", ["sg-1"], undefined],
      ...all(flag, "changed", "enableCrossZoneLoadBalancing", "enableDeletionProtection"),
    ],
  },
  "aws:lb/targetGroup:TargetGroup": {
    source:
      "elbv2/target_group.go: resourceTargetGroupCustomizeDiff, ModifyTargetGroup(Attributes); name to type: known",
    facts: [
      ...all(text, "replaced", "name", "protocol", "vpcId", "targetType"),
      count("port", "replaced"),
      ["healthCheck", "changed", { protocol: "TCP" }, { protocol: "HTTP" }],
      ["healthCheck", "changed", { interval: 10 }, { interval: 30 }],
      count("deregistrationDelay", "changed"),
      text("preserveClientIp", "changed"),
      ...all(flag, "changed", "proxyProtocolV2", "connectionTermination"),
      [
        "targetHealthStates",
        "changed",
        [{ enableUnhealthyConnectionTermination: true }],
        [{ enableUnhealthyConnectionTermination: false }],
      ],
    ],
  },
  "aws:lb/listener:Listener": {
    source: "elbv2/listener.go: ForceNew of the load balancer; ModifyListener",
    facts: [
      text("loadBalancerArn", "replaced"),
      count("port", "changed"),
      text("protocol", "changed"),
      [
        "defaultActions",
        "changed",
        [{ type: "forward", targetGroupArn: "one" }],
        [{ type: "forward", targetGroupArn: "other" }],
      ],
    ],
  },
  "aws:lb/targetGroupAttachment:TargetGroupAttachment": {
    source: "elbv2/target_group_attachment.go: ForceNew",
    facts: [...all(text, "replaced", "targetGroupArn", "targetId"), count("port", "replaced")],
  },
  "aws:ec2/securityGroup:SecurityGroup": {
    source: "ec2/securityGroup.d.ts: name, description, vpcId",
    facts: [...all(text, "replaced", "name", "description", "vpcId"), flag("revokeRulesOnDelete", "changed")],
  },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": rule,
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": rule,
  "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {
    source: "ec2/vpc_default_security_group.go",
    facts: [text("vpcId", "replaced")],
  },
  "aws:ec2/eip:Eip": {
    source: "ec2/ec2_eip.go: ForceNew of the domain; disassociates the old, associates the new",
    facts: [text("domain", "replaced"), text("instance", "changed")],
  },
  "aws:ec2/natGateway:NatGateway": {
    source: "ec2/vpc_nat_gateway.go: ForceNew",
    facts: all(text, "replaced", "allocationId", "subnetId"),
  },
  "aws:ec2/internetGateway:InternetGateway": {
    source: "ec2/vpc_internet_gateway.go: detaches and attaches",
    facts: [text("vpcId", "changed")],
  },
  "aws:ec2/vpc:Vpc": {
    source: "known",
    facts: [text("cidrBlock", "replaced"), ...all(flag, "changed", "enableDnsSupport", "enableDnsHostnames")],
  },
  "aws:ec2/subnet:Subnet": {
    source: "ec2/vpc_subnet.go: ForceNew",
    facts: [...all(text, "replaced", "vpcId", "cidrBlock", "availabilityZone"), flag("mapPublicIpOnLaunch", "changed")],
  },
  "aws:ec2/routeTable:RouteTable": { source: "known", facts: [text("vpcId", "replaced")] },
  "aws:ec2/route:Route": {
    source: "known",
    facts: [
      ...all(text, "replaced", "routeTableId", "destinationCidrBlock"),
      ...all(text, "changed", "gatewayId", "natGatewayId"),
    ],
  },
  "aws:ec2/routeTableAssociation:RouteTableAssociation": {
    source: "ec2/vpc_route_table_association.go: ReplaceRouteTableAssociation",
    facts: [text("subnetId", "replaced"), text("routeTableId", "changed")],
  },
  "aws:ec2/placementGroup:PlacementGroup": {
    source: "ec2/ec2_placement_group.go: ForceNew",
    facts: all(text, "replaced", "name", "strategy"),
  },
  "aws:iam/role:Role": {
    source: "iam/role.go: resourceRoleUpdate",
    facts: [
      text("name", "replaced"),
      ...all(text, "changed", "assumeRolePolicy", "description", "permissionsBoundary"),
    ],
  },
  "aws:iam/rolePolicy:RolePolicy": {
    source: "known",
    facts: [...all(text, "replaced", "name", "role"), text("policy", "changed")],
  },
  "aws:iam/instanceProfile:InstanceProfile": {
    source: "iam/instance_profile.go: ForceNew of the name; the role is exchanged",
    facts: [text("name", "replaced"), text("role", "changed")],
  },
  "aws:ssm/parameter:Parameter": {
    source: "ssm/parameter.go: ForceNew of the name; PutParameter",
    facts: [text("name", "replaced"), ...all(text, "changed", "type", "value", "description", "keyId")],
  },
  "aws:route53/zone:Zone": {
    source: "route53/zone.go: ForceNew of the name; (Dis)AssociateVPC...",
    facts: [
      text("name", "replaced"),
      text("comment", "changed"),
      flag("forceDestroy", "changed"),
      ["vpcs", "changed", [{ vpcId: "vpc-1" }], [{ vpcId: "vpc-2" }]],
    ],
  },
  "aws:route53/record:Record": {
    source: "route53/record.go: ForceNew of zone and name",
    facts: [
      ...all(text, "replaced", "zoneId", "name"),
      text("type", "changed"),
      count("ttl", "changed"),
      ["records", "changed", ["one"], ["other"]],
      ["aliases", "changed", [{ name: "one" }], [{ name: "other" }]],
    ],
  },
};
