import { z } from "zod";
import { count, extensionNames, identifier, parameterValues, told } from "./types";

/** What becomes of a database that is taken out of the settings. */
export const removals = ["keep", "drop"] as const;

const database = z.strictObject({
  name: identifier,
  owner: identifier.optional(),
  schemas: z.array(identifier).default([]),
  extensions: extensionNames,
  parameters: parameterValues.default({}),
  connections: count(1, 10_000).optional(),
  pool: count(1, 5000).default(10),
  onRemoval: z.enum(removals).default("keep"),
});

export const databases = z
  .array(database)
  .default([])
  .meta(
    told(
      "further databases: `name`; `owner`, unless a role of `roles` says that it is; `schemas` beside `public`; `extensions`; " +
        "`parameters` (`ALTER DATABASE ... SET`); `connections`, the most to it (default: no limit); `pool`, server connections of one " +
        "PgBouncer (default 10); `onRemoval`: `keep` (default) closes the door and leaves the database, `drop` drops it, once " +
        "nobody uses it. [Databases and roles](databases.md).",
      { example: "[{name: shop, owner: shop_owner, extensions: [pg_trgm]}]" },
    ),
  );
