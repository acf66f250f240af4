// Security groups and their rules.
import type { IpPermission, SecurityGroupRule, SecurityGroupRuleRequest } from "@aws-sdk/client-ec2";
import type { Failure, ResourceType } from "../lib/plugin";
import type { Value, Values } from "../lib/wire";
import { ec2, found, gone, inTime } from "./client";
import { allTags, observedTags, specification, tagged, tagMap } from "./tags";

const text = { type: "string" } as const;
const needed = { type: "string", required: true, replaces: true } as const;
const ruleLists = {
  ingress: { type: "list", unsupported: "declare each rule as an aws.vpc.SecurityGroupIngressRule" },
  egress: { type: "list", unsupported: "declare each rule as an aws.vpc.SecurityGroupEgressRule" },
} as const;

async function rulesOf(group: string): Promise<SecurityGroupRule[]> {
  const answer = await ec2().describeSecurityGroupRules({ Filters: [{ Name: "group-id", Values: [group] }] });
  return answer.SecurityGroupRules ?? [];
}

async function revoke(group: string, rules: SecurityGroupRule[]): Promise<void> {
  for (const { SecurityGroupRuleId: id, IsEgress } of rules) {
    const request = { GroupId: group, SecurityGroupRuleIds: [id!] };
    await gone(IsEgress ? ec2().revokeSecurityGroupEgress(request) : ec2().revokeSecurityGroupIngress(request));
  }
}

async function group(id: string) {
  return (await found(ec2().describeSecurityGroups({ GroupIds: [id] })))?.SecurityGroups?.[0];
}

export const SecurityGroup: ResourceType = tagged({
  named: "name",
  inputs: {
    ...ruleLists,
    name: needed,
    description: { type: "string", default: "Managed by Pulumi", replaces: true },
    vpcId: needed,
    revokeRulesOnDelete: { type: "boolean", default: false },
  },
  computed: ["arn", "ownerId"],
  async create(inputs) {
    const made = await ec2().createSecurityGroup({
      GroupName: String(inputs.name),
      Description: String(inputs.description),
      VpcId: String(inputs.vpcId),
      TagSpecifications: specification("security-group", allTags(inputs)),
    });
    const id = made.GroupId!;
    // AWS gives a new group a rule that lets everything out; the real plugin takes it away.
    await revoke(id, await rulesOf(id));
    return { id, outputs: { arn: `arn:aws:ec2:::security-group/${id}`, ownerId: (await group(id))?.OwnerId } };
  },
  async read(_state, { id }) {
    const there = await group(id);
    return there && observedTags(tagMap(there.Tags));
  },
  async delete(inputs, _state, context) {
    const { id } = context;
    if (inputs.revokeRulesOnDelete && (await group(id))) await revoke(id, await rulesOf(id));
    await inTime(() => gone(ec2().deleteSecurityGroup({ GroupId: id })), context);
  },
});

/** The group that every VPC has. It can't be removed: taken over and emptied, and left so at the end. */
export const DefaultSecurityGroup: ResourceType = tagged({
  inputs: { ...ruleLists, vpcId: needed },
  computed: ["arn", "ownerId", "name", "description"],
  async create(inputs) {
    const answer = await ec2().describeSecurityGroups({
      Filters: [
        { Name: "vpc-id", Values: [String(inputs.vpcId)] },
        { Name: "group-name", Values: ["default"] },
      ],
    });
    const there = answer.SecurityGroups?.[0];
    if (!there) throw new Error(`VPC ${String(inputs.vpcId)} has no default security group`);
    const id = there.GroupId!;
    await revoke(id, await rulesOf(id));
    const tags = allTags(inputs);
    if (Object.keys(tags).length > 0) {
      await ec2().createTags({ Resources: [id], Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) });
    }
    const { OwnerId: ownerId, GroupName: name, Description: description } = there;
    return { id, outputs: { arn: `arn:aws:ec2:::security-group/${id}`, ownerId, name, description } };
  },
  async read(_state, { id }) {
    const there = await group(id);
    return there && observedTags(tagMap(there.Tags));
  },
});

const sources = ["cidrIpv4", "referencedSecurityGroupId"] as const;

/** A rule can be changed, but not from naming addresses to naming a group. */
const otherKind = (before: Value, after: Value): boolean => (before === undefined) !== (after === undefined);

const ruleInputs: ResourceType["inputs"] = {
  securityGroupId: needed,
  cidrIpv4: { type: "string", replaces: otherKind },
  referencedSecurityGroupId: { type: "string", replaces: otherKind },
  ipProtocol: { type: "string", required: true, oneOf: ["tcp", "udp", "icmp", "-1"] },
  fromPort: { type: "integer" },
  toPort: { type: "integer" },
  description: text,
};

function checkRule(inputs: Values): Failure[] {
  const given = sources.filter((key) => inputs[key] !== undefined);
  if (given.length > 1) return [{ property: "cidrIpv4", reason: `only one of ${sources.join(" and ")} can be given` }];
  const ports = inputs.fromPort !== undefined || inputs.toPort !== undefined;
  if (inputs.ipProtocol === "-1" && ports)
    return [{ property: "fromPort", reason: 'all protocols ("-1") have no ports' }];
  return [];
}

const ruleRequest = (inputs: Values): SecurityGroupRuleRequest => ({
  IpProtocol: String(inputs.ipProtocol),
  FromPort: (inputs.fromPort as number | undefined) ?? -1,
  ToPort: (inputs.toPort as number | undefined) ?? -1,
  CidrIpv4: inputs.cidrIpv4 as string | undefined,
  ReferencedGroupId: inputs.referencedSecurityGroupId as string | undefined,
  Description: inputs.description as string | undefined,
});

function permission(inputs: Values): IpPermission {
  const { IpProtocol, FromPort, ToPort, CidrIpv4, ReferencedGroupId, Description } = ruleRequest(inputs);
  return {
    IpProtocol,
    FromPort,
    ToPort,
    ...(CidrIpv4 ? { IpRanges: [{ CidrIp: CidrIpv4, Description }] } : {}),
    ...(ReferencedGroupId ? { UserIdGroupPairs: [{ GroupId: ReferencedGroupId, Description }] } : {}),
  };
}

function securityGroupRule(direction: "ingress" | "egress"): ResourceType {
  return tagged({
    inputs: ruleInputs,
    computed: ["arn", "securityGroupRuleId"],
    check: checkRule,
    async create(inputs) {
      const request = {
        GroupId: String(inputs.securityGroupId),
        IpPermissions: [permission(inputs)],
        TagSpecifications: specification("security-group-rule", allTags(inputs)),
      };
      const made = await (direction === "egress"
        ? ec2().authorizeSecurityGroupEgress(request)
        : ec2().authorizeSecurityGroupIngress(request));
      const id = made.SecurityGroupRules![0]!.SecurityGroupRuleId!;
      return { id, outputs: { arn: `arn:aws:ec2:::security-group-rule/${id}`, securityGroupRuleId: id } };
    },
    async update(inputs, state, { id }) {
      await ec2().modifySecurityGroupRules({
        GroupId: String(inputs.securityGroupId),
        SecurityGroupRules: [{ SecurityGroupRuleId: id, SecurityGroupRule: ruleRequest(inputs) }],
      });
      return state;
    },
    async read(state, { id }) {
      const rules = await rulesOf(String(state.securityGroupId));
      const rule = rules.find(({ SecurityGroupRuleId }) => SecurityGroupRuleId === id);
      if (!rule) return undefined;
      const port = (number: number | undefined) => (number === -1 ? undefined : number);
      return {
        ipProtocol: rule.IpProtocol,
        fromPort: port(rule.FromPort),
        toPort: port(rule.ToPort),
        ...observedTags(tagMap(rule.Tags)),
      };
    },
    async delete(inputs, _state, { id }) {
      const request = { GroupId: String(inputs.securityGroupId), SecurityGroupRuleIds: [id] };
      await gone(
        direction === "egress" ? ec2().revokeSecurityGroupEgress(request) : ec2().revokeSecurityGroupIngress(request),
      );
    },
  });
}

export const SecurityGroupIngressRule = securityGroupRule("ingress");
export const SecurityGroupEgressRule = securityGroupRule("egress");
