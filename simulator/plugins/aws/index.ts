// Stand-in for @pulumi/aws 7.48.0: what pgha uses of it, against endpoints that are not AWS (rehearsals).
import type { Plugin } from "../lib/plugin";
import { Eip } from "./address";
import { Listener, LoadBalancer } from "./balancer";
import { use } from "./client";
import { Record, Zone } from "./dns";
import { DefaultSecurityGroup, SecurityGroup, SecurityGroupEgressRule, SecurityGroupIngressRule } from "./firewall";
import { InstanceProfile, Role, RolePolicy } from "./iam";
import { Instance, PlacementGroup } from "./instance";
import {
  getAmi,
  getAvailabilityZones,
  getCallerIdentity,
  getInstanceType,
  getInstanceTypeOfferings,
  getRouteTable,
  getSubnet,
  getVpc,
} from "./lookups";
import { InternetGateway, NatGateway, Subnet, Vpc } from "./network";
import { Route, RouteTable, RouteTableAssociation } from "./routes";
import { providerSettings, readSettings } from "./settings";
import { Parameter } from "./ssm";
import { TargetGroup, TargetGroupAttachment } from "./targets";
import { Volume, VolumeAttachment } from "./volume";

/** By module of `@pulumi/aws`. The token of `ec2.Vpc` is aws:ec2/vpc:Vpc. */
const resources = {
  ec2: {
    DefaultSecurityGroup,
    Eip,
    Instance,
    InternetGateway,
    NatGateway,
    PlacementGroup,
    Route,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    Subnet,
    VolumeAttachment,
    Vpc,
  },
  ebs: { Volume },
  iam: { InstanceProfile, Role, RolePolicy },
  lb: { Listener, LoadBalancer, TargetGroup, TargetGroupAttachment },
  route53: { Record, Zone },
  ssm: { Parameter },
  vpc: { SecurityGroupEgressRule, SecurityGroupIngressRule },
};

const functions = {
  ec2: { getAmi, getInstanceType, getInstanceTypeOfferings, getRouteTable, getSubnet, getVpc },
  index: { getAvailabilityZones, getCallerIdentity },
};

const uncapital = (name: string): string => name[0]!.toLowerCase() + name.slice(1);

function byToken<T>(modules: Record<string, Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(modules).flatMap(([module, members]) =>
      Object.entries(members).map(([name, member]) => [`aws:${module}/${uncapital(name)}:${name}`, member]),
    ),
  );
}

export const plugin: Plugin = {
  name: "aws",
  version: "7.48.0",
  config: providerSettings,
  configure: (settings) => use(readSettings(settings)),
  resources: byToken(resources),
  functions: byToken(functions),
};
