// Network load balancers.
import type { ResourceType } from "../lib/plugin";
import { isUnknown, type Value, type Values } from "../lib/wire";
import { becomes, elb, found, gone } from "./client";
import { allTags, observedTags, tagged, tagList, tagMap, type Tagger } from "./tags";

const named = { type: "string", required: true, replaces: true } as const;

export const balancerTags: Tagger = {
  set: (arn, tags) => elb().addTags({ ResourceArns: [arn], Tags: tagList(tags) }),
  remove: (arn, TagKeys) => elb().removeTags({ ResourceArns: [arn], TagKeys }),
};

/** Tags as found. */
export async function tagsOf(arn: string) {
  const answer = await elb().describeTags({ ResourceArns: [arn] });
  return observedTags(tagMap(answer.TagDescriptions?.[0]?.Tags));
}

/** Subnets can only be added to a network load balancer. While one is not known yet, the real plugin does not look. */
const someGo = (before: Value, after: Value): boolean =>
  Array.isArray(before) &&
  Array.isArray(after) &&
  !after.some(isUnknown) &&
  before.some((subnet) => !after.includes(subnet));

async function describe(arn: string) {
  return (await found(elb().describeLoadBalancers({ LoadBalancerArns: [arn] })))?.LoadBalancers?.[0];
}

const attributes = (inputs: Values) => [
  { Key: "deletion_protection.enabled", Value: String(inputs.enableDeletionProtection) },
  { Key: "load_balancing.cross_zone.enabled", Value: String(inputs.enableCrossZoneLoadBalancing) },
];

const setAttributes = (LoadBalancerArn: string, inputs: Values) =>
  elb().modifyLoadBalancerAttributes({ LoadBalancerArn, Attributes: attributes(inputs) });

async function outputsOf(arn: string): Promise<Values> {
  const there = (await describe(arn))!;
  return {
    arn,
    arnSuffix: arn.split("loadbalancer/")[1],
    dnsName: there.DNSName,
    zoneId: there.CanonicalHostedZoneId,
    vpcId: there.VpcId,
  };
}

export const LoadBalancer: ResourceType = tagged(
  {
    named: "name",
    inputs: {
      name: named,
      loadBalancerType: { type: "string", required: true, oneOf: ["network"], replaces: true },
      internal: { type: "boolean", default: false, replaces: true },
      subnets: { type: "list", items: { type: "string" }, required: true, unordered: true, replaces: someGo },
      securityGroups: {
        type: "list",
        items: { type: "string" },
        unordered: true,
        // Groups can be changed on a network load balancer, but neither given to one that has none nor all taken away.
        replaces: (before, after) => (before === undefined) !== (after === undefined),
      },
      enableCrossZoneLoadBalancing: { type: "boolean", default: false },
      enableDeletionProtection: { type: "boolean", default: false },
    },
    computed: ["arn", "arnSuffix", "dnsName", "zoneId", "vpcId"],
    async create(inputs, { signal }) {
      const { LoadBalancers } = await elb().createLoadBalancer({
        Name: String(inputs.name),
        Type: "network",
        Scheme: inputs.internal ? "internal" : "internet-facing",
        Subnets: inputs.subnets as string[],
        SecurityGroups: inputs.securityGroups as string[] | undefined,
        Tags: tagList(allTags(inputs)),
      });
      const arn = LoadBalancers![0]!.LoadBalancerArn!;
      const active = async () => (await describe(arn))?.State?.Code === "active";
      await becomes(`load balancer ${String(inputs.name)} to be active`, active, { signal });
      await setAttributes(arn, inputs);
      return { id: arn, outputs: await outputsOf(arn) };
    },
    async update(inputs, state, { id }) {
      await setAttributes(id, inputs);
      if (String(inputs.subnets) !== String(state.subnets)) {
        await elb().setSubnets({ LoadBalancerArn: id, Subnets: inputs.subnets as string[] });
      }
      if (String(inputs.securityGroups) !== String(state.securityGroups)) {
        await elb().setSecurityGroups({ LoadBalancerArn: id, SecurityGroups: inputs.securityGroups as string[] });
      }
      return state;
    },
    async read(_state, { id }) {
      if (!(await describe(id))) return undefined;
      const { Attributes = [] } = await elb().describeLoadBalancerAttributes({ LoadBalancerArn: id });
      const on = (key: string) => Attributes.find(({ Key }) => Key === key)?.Value === "true";
      return {
        enableDeletionProtection: on("deletion_protection.enabled"),
        enableCrossZoneLoadBalancing: on("load_balancing.cross_zone.enabled"),
        ...(await tagsOf(id)),
      };
    },
    delete: (_inputs, _state, { id }) => gone(elb().deleteLoadBalancer({ LoadBalancerArn: id })),
  },
  balancerTags,
);

const actions = (inputs: Values) =>
  (inputs.defaultActions as { type: "forward"; targetGroupArn: string }[]).map(({ type, targetGroupArn }) => ({
    Type: type,
    TargetGroupArn: targetGroupArn,
  }));

export const Listener: ResourceType = tagged(
  {
    inputs: {
      loadBalancerArn: named,
      port: { type: "integer", required: true, min: 1 },
      protocol: { type: "string", required: true, oneOf: ["TCP"] },
      defaultActions: {
        type: "list",
        required: true,
        items: {
          type: "object",
          fields: {
            type: { type: "string", required: true, oneOf: ["forward"] },
            targetGroupArn: { type: "string", required: true },
          },
        },
      },
    },
    computed: ["arn"],
    async create(inputs) {
      const { Listeners } = await elb().createListener({
        LoadBalancerArn: String(inputs.loadBalancerArn),
        Port: inputs.port as number,
        Protocol: "TCP",
        DefaultActions: actions(inputs),
        Tags: tagList(allTags(inputs)),
      });
      const arn = Listeners![0]!.ListenerArn!;
      return { id: arn, outputs: { arn } };
    },
    async update(inputs, state, { id }) {
      const Port = inputs.port as number;
      await elb().modifyListener({ ListenerArn: id, Port, Protocol: "TCP", DefaultActions: actions(inputs) });
      return state;
    },
    async read(_state, { id }) {
      const there = (await found(elb().describeListeners({ ListenerArns: [id] })))?.Listeners?.[0];
      return there && { port: there.Port, ...(await tagsOf(id)) };
    },
    delete: (_inputs, _state, { id }) => gone(elb().deleteListener({ ListenerArn: id })),
  },
  balancerTags,
);
