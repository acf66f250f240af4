// Tags: the same input on every resource that has them, and the provider's default tags beneath.
import type { Change, Observed, Properties, ResourceType } from "../lib/plugin";
import { isObject, type Value, type Values } from "../lib/wire";
import { ec2, provider } from "./client";

export type Tags = Record<string, string>;

const tagInput: Properties = { tags: { type: "map", items: { type: "string" } } };

/** All tags a resource is to have. */
export const allTags = (inputs: Values): Tags => ({
  ...provider().defaultTags,
  ...(isObject(inputs.tags) ? (inputs.tags as Tags) : {}),
});

/** Tags as most services take them. */
export const tagList = (tags: Tags) => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** Tags as most services give them. */
export const tagMap = (list: { Key?: string; Value?: string }[] | undefined): Tags =>
  Object.fromEntries((list ?? []).map(({ Key, Value }) => [Key!, Value ?? ""]));

/** Tags of a new resource of EC2; undefined where there are none, for AWS takes no empty list. */
export function specification<T extends string>(kind: T, tags: Tags) {
  return Object.keys(tags).length > 0 ? [{ ResourceType: kind, Tags: tagList(tags) }] : undefined;
}

/** The service's calls that change tags. */
export interface Tagger {
  set(id: string, tags: Tags, state: Values): Promise<unknown>;
  remove(id: string, keys: string[], state: Values): Promise<unknown>;
}

export const ec2Tags: Tagger = {
  set: (id, tags) => ec2().createTags({ Resources: [id], Tags: tagList(tags) }),
  remove: (id, keys) => ec2().deleteTags({ Resources: [id], Tags: keys.map((Key) => ({ Key })) }),
};

/** Brings tags from those of the state to those of the inputs. */
export async function retag(tagger: Tagger, id: string, before: Tags, after: Tags, state: Values): Promise<void> {
  const extra = Object.keys(before).filter((key) => after[key] === undefined);
  const changed = Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
  if (extra.length > 0) await tagger.remove(id, extra, state);
  if (Object.keys(changed).length > 0) await tagger.set(id, changed, state);
}

/** What was found of tags: `tags` are those that are not defaults of the provider. */
export function observedTags(tags: Tags): Observed {
  const defaults = provider().defaultTags;
  const own = Object.entries(tags).filter(([key, value]) => defaults[key] !== value && !key.startsWith("aws:"));
  return { tags: own.length > 0 ? Object.fromEntries(own) : undefined, tagsAll: tags };
}

/** A resource with tags: adds the input, the output `tagsAll`, and their change. `create` must set them. */
export function tagged(type: ResourceType, tagger: Tagger = ec2Tags): ResourceType {
  return {
    ...type,
    inputs: { ...type.inputs, ...tagInput },
    computed: [...type.computed, "tagsAll"],
    drift(state, inputs): Change[] {
      const more = type.drift?.(state, inputs) ?? [];
      // Default tags are not an input of the resource: a change of them shows here alone.
      const same = (a: Value, b: Value): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
      if (same(state.tagsAll, allTags(inputs))) return more;
      return [...more, { path: "tagsAll", kind: "update", replace: false, input: false }];
    },
    async create(inputs, context) {
      const made = await type.create(inputs, context);
      return { ...made, outputs: { ...made.outputs, tagsAll: allTags(inputs) } };
    },
    async update(inputs, state, context) {
      const kept = Object.fromEntries(type.computed.map((key) => [key, state[key]]));
      const computed = type.update ? await type.update(inputs, state, context) : kept;
      await retag(tagger, context.id, (state.tagsAll ?? {}) as Tags, allTags(inputs), state);
      return { ...computed, tagsAll: allTags(inputs) };
    },
  };
}

const sorted = (tags: Value): [string, Value][] =>
  Object.entries(isObject(tags) ? tags : {}).sort(([a], [b]) => (a < b ? -1 : 1));
