import { z } from "zod";
import { count, identifier, parameterValues, told } from "./types";

/** What a role may do in a database: read its tables, write their rows, too, or make and drop what is in it. */
export const powers = ["read", "write", "owner"] as const;

export type Power = (typeof powers)[number];

/** A day, or a moment with its offset from UTC. What is not in quotes Pulumi's YAML has made "2030-01-01 00:00:00 +0000 UTC". */
const moment = z
  .string()
  .overwrite((text) => text.replace(/^(\S+) (\S+) ([+-]\d\d)(\d\d) \S+$/, "$1T$2$3:$4"))
  .refine(
    (text) =>
      /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d))?$/.test(text) &&
      !Number.isNaN(Date.parse(text)) &&
      // Date takes the 31st of every month.
      new Date(`${text.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(text.slice(0, 10)),
    {
      error: ({ input }) =>
        `is '${String(input)}', which is no time; write one like 2027-06-30 or 2027-06-30T12:00:00Z`,
    },
  );

const role = z.strictObject({
  name: identifier,
  may: z.record(identifier, z.enum(powers)).default({}),
  login: z.boolean().default(true),
  parameters: parameterValues.default({}),
  connections: count(1, 10_000).optional(),
  validUntil: moment.optional(),
  replication: z.boolean().default(false),
  createDatabases: z.boolean().default(false),
  members: z.array(identifier).default([]),
});

export const declaredRoles = z
  .array(role)
  .default([])
  .meta(
    told(
      "further roles: `name`; `may`, what it may do in which database, the first one among them: `read`, `write` or `owner`; `login` " +
        "(default true), with a password in the output `rolePasswords`; `parameters` (`ALTER ROLE ... SET`); `connections`, the most " +
        "at once (default: no limit); `validUntil`, when its password ends; `replication`; `createDatabases`; `members`, roles that " +
        "have its rights, too. One that is taken out may not log in any more. [Databases and roles](databases.md).",
      { example: "[{name: report, may: {app: read}}]" },
    ),
  );
