// Parameters of Systems Manager.
import type { ParameterType } from "@aws-sdk/client-ssm";
import type { ResourceType } from "../lib/plugin";
import type { Values } from "../lib/wire";
import { found, gone, ssm } from "./client";
import { allTags, observedTags, tagged, tagList, tagMap, type Tagger } from "./tags";

const kind = "Parameter";

const parameterTags: Tagger = {
  set: (ResourceId, tags) => ssm().addTagsToResource({ ResourceType: kind, ResourceId, Tags: tagList(tags) }),
  remove: (ResourceId, TagKeys) => ssm().removeTagsFromResource({ ResourceType: kind, ResourceId, TagKeys }),
};

const put = (inputs: Values, more: object) =>
  ssm().putParameter({
    Name: String(inputs.name),
    Type: inputs.type as ParameterType,
    Value: String(inputs.value),
    Description: inputs.description as string | undefined,
    KeyId: inputs.keyId as string | undefined,
    ...more,
  });

const get = (name: string) => found(ssm().getParameter({ Name: name, WithDecryption: true }));

export const Parameter: ResourceType = tagged(
  {
    named: "name",
    inputs: {
      name: { type: "string", required: true, replaces: true },
      type: { type: "string", required: true, oneOf: ["String", "StringList", "SecureString"] },
      value: { type: "string", required: true, secret: true },
      description: { type: "string" },
      keyId: { type: "string" },
    },
    computed: ["arn", "version"],
    recomputes: true,
    async create(inputs) {
      const { Version: version } = await put(inputs, { Tags: tagList(allTags(inputs)) });
      const id = String(inputs.name);
      return { id, outputs: { arn: (await get(id))?.Parameter?.ARN, version } };
    },
    async update(inputs, state) {
      const same = ["type", "value", "description", "keyId"].every((key) => inputs[key] === state[key]);
      if (same) return state;
      const { Version: version } = await put(inputs, { Overwrite: true });
      return { arn: state.arn, version };
    },
    async read(_state, { id }) {
      const there = (await get(id))?.Parameter;
      if (!there) return undefined;
      const { TagList } = await ssm().listTagsForResource({ ResourceType: kind, ResourceId: id });
      return { value: there.Value, version: there.Version, ...observedTags(tagMap(TagList)) };
    },
    delete: (_inputs, _state, { id }) => gone(ssm().deleteParameter({ Name: id })),
  },
  parameterTags,
);
