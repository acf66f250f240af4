// Target groups of network load balancers, and what is in them.
import type { ResourceType } from "../lib/plugin";
import type { Value, Values } from "../lib/wire";
import { balancerTags, tagsOf } from "./balancer";
import { elb, found, gone, inTime } from "./client";
import { allTags, tagged, tagList } from "./tags";

const named = { type: "string", required: true, replaces: true } as const;
const port = { type: "integer", required: true, min: 1, replaces: true } as const;

/** Attributes of a group by the input that says them. */
function attributes(inputs: Values) {
  const state = (inputs.targetHealthStates as { enableUnhealthyConnectionTermination: boolean }[] | undefined)?.[0];
  const all: Record<string, Value> = {
    "deregistration_delay.timeout_seconds": inputs.deregistrationDelay,
    "deregistration_delay.connection_termination.enabled": inputs.connectionTermination,
    "preserve_client_ip.enabled": inputs.preserveClientIp,
    "proxy_protocol_v2.enabled": inputs.proxyProtocolV2,
    "target_health_state.unhealthy.connection_termination.enabled": state?.enableUnhealthyConnectionTermination,
  };
  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([Key, value]) => ({ Key, Value: String(value) }));
}

function check({ healthCheck }: Values) {
  const given = healthCheck as Values;
  return {
    HealthCheckEnabled: given.enabled as boolean,
    HealthCheckProtocol: given.protocol as "HTTP",
    HealthCheckPort: String(given.port),
    HealthCheckPath: given.path as string | undefined,
    HealthCheckIntervalSeconds: given.interval as number,
    HealthCheckTimeoutSeconds: given.timeout as number | undefined,
    HealthyThresholdCount: given.healthyThreshold as number,
    UnhealthyThresholdCount: given.unhealthyThreshold as number,
    Matcher: given.matcher ? { HttpCode: String(given.matcher) } : undefined,
  };
}

async function describe(arn: string) {
  return (await found(elb().describeTargetGroups({ TargetGroupArns: [arn] })))?.TargetGroups?.[0];
}

export const TargetGroup: ResourceType = tagged(
  {
    named: "name",
    inputs: {
      name: named,
      port,
      protocol: { type: "string", required: true, oneOf: ["TCP"], replaces: true },
      vpcId: named,
      targetType: { type: "string", default: "instance", oneOf: ["instance", "ip"], replaces: true },
      preserveClientIp: { type: "string", oneOf: ["true", "false"] },
      proxyProtocolV2: { type: "boolean" },
      deregistrationDelay: { type: "integer", default: 300, min: 0 },
      connectionTermination: { type: "boolean", default: false },
      healthCheck: {
        type: "object",
        default: {},
        fields: {
          enabled: { type: "boolean", default: true },
          protocol: { type: "string", default: "TCP", oneOf: ["TCP", "HTTP"] },
          port: { type: "string", default: "traffic-port" },
          path: { type: "string" },
          matcher: { type: "string" },
          interval: { type: "integer", default: 30, min: 5 },
          timeout: { type: "integer", min: 2 },
          healthyThreshold: { type: "integer", default: 3, min: 2 },
          unhealthyThreshold: { type: "integer", default: 3, min: 2 },
        },
      },
      targetHealthStates: {
        type: "list",
        items: {
          type: "object",
          fields: {
            enableUnhealthyConnectionTermination: { type: "boolean", required: true },
            unhealthyDrainingInterval: { type: "integer", unsupported: "leave it out" },
          },
        },
      },
    },
    computed: ["arn", "arnSuffix"],
    async create(inputs) {
      const { TargetGroups } = await elb().createTargetGroup({
        Name: String(inputs.name),
        Port: inputs.port as number,
        Protocol: "TCP",
        VpcId: String(inputs.vpcId),
        TargetType: inputs.targetType as "instance",
        Tags: tagList(allTags(inputs)),
        ...check(inputs),
      });
      const arn = TargetGroups![0]!.TargetGroupArn!;
      await elb().modifyTargetGroupAttributes({ TargetGroupArn: arn, Attributes: attributes(inputs) });
      return { id: arn, outputs: { arn, arnSuffix: `targetgroup/${arn.split(":targetgroup/")[1]}` } };
    },
    async update(inputs, state, { id }) {
      await elb().modifyTargetGroup({ TargetGroupArn: id, ...check(inputs) });
      await elb().modifyTargetGroupAttributes({ TargetGroupArn: id, Attributes: attributes(inputs) });
      return state;
    },
    read: async (_state, { id }) => ((await describe(id)) ? tagsOf(id) : undefined),
    delete: (_inputs, _state, context) =>
      inTime(() => gone(elb().deleteTargetGroup({ TargetGroupArn: context.id })), context),
  },
  balancerTags,
);

const target = ({ targetId, port: number }: Values) => ({ Id: String(targetId), Port: number as number | undefined });

export const TargetGroupAttachment: ResourceType = {
  inputs: { targetGroupArn: named, targetId: named, port: { ...port, required: false } },
  computed: [],
  async create(inputs) {
    const TargetGroupArn = String(inputs.targetGroupArn);
    await elb().registerTargets({ TargetGroupArn, Targets: [target(inputs)] });
    return { id: `${TargetGroupArn}-${String(inputs.targetId)}`, outputs: {} };
  },
  async read(state) {
    const request = { TargetGroupArn: String(state.targetGroupArn) };
    const health = (await found(elb().describeTargetHealth(request)))?.TargetHealthDescriptions ?? [];
    return health.some(({ Target }) => Target?.Id === state.targetId) ? {} : undefined;
  },
  delete: (inputs) =>
    gone(elb().deregisterTargets({ TargetGroupArn: String(inputs.targetGroupArn), Targets: [target(inputs)] })),
};
