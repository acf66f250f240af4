// Private DNS zones and their records.
import type { Change, ResourceRecordSet } from "@aws-sdk/client-route-53";
import type { ResourceType } from "../lib/plugin";
import type { Value, Values } from "../lib/wire";
import { found, gone, provider, route53 } from "./client";
import { allTags, observedTags, tagged, tagList, tagMap, type Tagger } from "./tags";

const needed = { type: "string", required: true, replaces: true } as const;
const kind = "hostedzone";

const zoneTags: Tagger = {
  set: (ResourceId, tags) =>
    route53().changeTagsForResource({ ResourceType: kind, ResourceId, AddTags: tagList(tags) }),
  remove: (ResourceId, RemoveTagKeys) =>
    route53().changeTagsForResource({ ResourceType: kind, ResourceId, RemoveTagKeys }),
};

const networks = (inputs: Values): string[] =>
  ((inputs.vpcs ?? []) as { vpcId: string }[]).map(({ vpcId }) => vpcId).sort();

/** As the real plugin: DNSSEC would be switched off first, and what refuses to say whether there is any is not forgiven. */
async function withoutDnssec(HostedZoneId: string): Promise<void> {
  try {
    await route53().getDNSSEC({ HostedZoneId });
  } catch (error) {
    if (!/unsupported for private/.test((error as Error).message)) throw error;
  }
}

async function empty(HostedZoneId: string): Promise<void> {
  const { ResourceRecordSets = [] } = await route53().listResourceRecordSets({ HostedZoneId });
  const extra = ResourceRecordSets.filter(({ Type }) => Type !== "NS" && Type !== "SOA");
  if (extra.length === 0) return;
  const Changes = extra.map((set): Change => ({ Action: "DELETE", ResourceRecordSet: set }));
  await route53().changeResourceRecordSets({ HostedZoneId, ChangeBatch: { Changes } });
}

export const Zone: ResourceType = tagged(
  {
    inputs: {
      name: needed,
      comment: { type: "string", default: "Managed by Pulumi" },
      vpcs: {
        type: "list",
        required: true,
        unordered: true,
        items: { type: "object", fields: { vpcId: { type: "string", required: true } } },
      },
      forceDestroy: { type: "boolean", default: false },
    },
    computed: ["arn", "zoneId", "nameServers", "primaryNameServer"],
    async create(inputs, { name }) {
      const [first, ...more] = networks(inputs);
      const VPCRegion = provider().region as "us-east-1";
      const { HostedZone } = await route53().createHostedZone({
        Name: String(inputs.name),
        CallerReference: `${name}-${Date.now()}`,
        HostedZoneConfig: { Comment: String(inputs.comment), PrivateZone: true },
        VPC: { VPCId: first, VPCRegion },
      });
      const id = HostedZone!.Id!.replace("/hostedzone/", "");
      for (const VPCId of more) {
        await route53().associateVPCWithHostedZone({ HostedZoneId: id, VPC: { VPCId, VPCRegion } });
      }
      const tags = allTags(inputs);
      if (Object.keys(tags).length > 0) await zoneTags.set(id, tags, {});
      const arn = `arn:aws:route53:::hostedzone/${id}`;
      return { id, outputs: { arn, zoneId: id, nameServers: [], primaryNameServer: "" } };
    },
    async update(inputs, state, { id }) {
      if (inputs.comment !== state.comment) {
        await route53().updateHostedZoneComment({ Id: id, Comment: String(inputs.comment) });
      }
      const [before, after] = [networks(state), networks(inputs)];
      const VPCRegion = provider().region as "us-east-1";
      for (const VPCId of after.filter((vpc) => !before.includes(vpc))) {
        await route53().associateVPCWithHostedZone({ HostedZoneId: id, VPC: { VPCId, VPCRegion } });
      }
      for (const VPCId of before.filter((vpc) => !after.includes(vpc))) {
        await route53().disassociateVPCFromHostedZone({ HostedZoneId: id, VPC: { VPCId, VPCRegion } });
      }
      return state;
    },
    async read(_state, { id }) {
      if (!(await found(route53().getHostedZone({ Id: id })))) return undefined;
      const { ResourceTagSet } = await route53().listTagsForResource({ ResourceType: kind, ResourceId: id });
      return observedTags(tagMap(ResourceTagSet?.Tags));
    },
    async delete(inputs, _state, { id }) {
      if (inputs.forceDestroy && (await found(route53().getHostedZone({ Id: id })))) {
        await withoutDnssec(id);
        await empty(id);
      }
      await gone(route53().deleteHostedZone({ Id: id }));
    },
  },
  zoneTags,
);

function recordSet(inputs: Values): ResourceRecordSet {
  const alias = ((inputs.aliases ?? []) as Record<string, Value>[])[0];
  const set = { Name: String(inputs.name), Type: inputs.type as "A" };
  if (!alias) {
    const records = (inputs.records ?? []) as string[];
    return { ...set, TTL: inputs.ttl as number, ResourceRecords: records.map((Value) => ({ Value })) };
  }
  return {
    ...set,
    AliasTarget: {
      DNSName: String(alias.name),
      HostedZoneId: String(alias.zoneId),
      EvaluateTargetHealth: alias.evaluateTargetHealth === true,
    },
  };
}

const change = (zone: Value, Action: Change["Action"], inputs: Values) =>
  route53().changeResourceRecordSets({
    HostedZoneId: String(zone),
    ChangeBatch: { Changes: [{ Action, ResourceRecordSet: recordSet(inputs) }] },
  });

const bare = (name: Value): string => String(name).replace(/\.$/, "");

async function record({ zoneId, name, type }: Values): Promise<ResourceRecordSet | undefined> {
  const answer = await found(route53().listResourceRecordSets({ HostedZoneId: String(zoneId) }));
  return answer?.ResourceRecordSets?.find((set) => bare(set.Name) === bare(name) && set.Type === type);
}

export const Record: ResourceType = {
  deleteBeforeReplace: true,
  inputs: {
    zoneId: needed,
    name: needed,
    type: { type: "string", required: true, oneOf: ["A", "CNAME"] },
    ttl: { type: "integer", min: 0 },
    records: { type: "list", items: { type: "string" } },
    aliases: {
      type: "list",
      items: {
        type: "object",
        fields: {
          name: { type: "string", required: true },
          zoneId: { type: "string", required: true },
          evaluateTargetHealth: { type: "boolean", required: true },
        },
      },
    },
  },
  computed: ["fqdn"],
  async create(inputs) {
    // As with the real plugin, an existing record is not taken over: CREATE refuses it.
    await change(inputs.zoneId, "CREATE", inputs);
    return {
      id: `${String(inputs.zoneId)}_${bare(inputs.name)}_${String(inputs.type)}`,
      outputs: { fqdn: bare(inputs.name) },
    };
  },
  async update(inputs, state) {
    await change(inputs.zoneId, "UPSERT", inputs);
    return state;
  },
  read: async (state) => ((await record(state)) ? {} : undefined),
  async delete(inputs, state) {
    if (await record(state)) await change(inputs.zoneId, "DELETE", inputs);
  },
};
