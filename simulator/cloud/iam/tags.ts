/** Tags as condition keys. */
import type { Request } from "./decide";

export type Tags = Record<string, string>;

const keyed = (prefix: string, tags: Tags) =>
  Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:${prefix}/${key}`, value]));

/** Tags that a call gives. */
export const requestTags = (tags: Tags): Request["context"] =>
  Object.keys(tags).length > 0 ? { ...keyed("RequestTag", tags), "aws:TagKeys": Object.keys(tags) } : {};

/** Tags that something has. */
export const resourceTags = (tags: Tags): Request["context"] => keyed("ResourceTag", tags);

/** Tags in a query: `Tag.1.Key`, `Tag.1.Value`. */
export function listIn(params: URLSearchParams, prefix: string): Tags {
  const tags: Tags = {};
  for (let n = 1; params.has(`${prefix}.${n}.Key`); n++)
    tags[params.get(`${prefix}.${n}.Key`)!] = params.get(`${prefix}.${n}.Value`) ?? "";
  return tags;
}
