/** Everything that can be set of a stack, section by section. What must hold among the settings is in `invariants.ts`. */
import { z } from "zod";
import { awsSettings, type AwsSettings } from "./sections/aws";
import { certificates } from "./sections/certificates";
import { clock } from "./sections/clock";
import { database } from "./sections/database";
import { databases } from "./sections/databases";
import { haproxy } from "./sections/haproxy";
import { machines } from "./sections/machines";
import { network } from "./sections/network";
import { nodes } from "./sections/nodes";
import { pool } from "./sections/pool";
import { ports } from "./sections/ports";
import { postgresql } from "./sections/postgresql";
import { replacements } from "./sections/replaces";
import { declaredRoles } from "./sections/roles";
import { replaces, told, unlessAsked } from "./sections/types";

/** A new section is a file in `sections/` and a line here. */
export const schema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/, {
      error: "must be a DNS label of at most 40 characters: lower-case letters, digits and -, starting with a letter",
    })
    .optional()
    .meta(
      told(
        "name of the cluster: Patroni's scope and the prefix of every machine's name. A DNS label of at most 40 characters; on AWS " +
          "20, not beginning with `internal-` or `sg-`, and no other cluster of the account may have it in any region: roles are the " +
          "account's.",
        { otherwise: "`pgha-<stack>`", change: replaces },
      ),
    ),
  driver: z.enum(["incus", "aws"]).meta(
    told("where machines come from: `incus` (this host) or `aws` (EC2). Must be written.", {
      change: unlessAsked("the machines are removed with their data, and made anew"),
    }),
  ),
  clock,
  nodes,
  machines,
  network,
  aws: awsSettings.optional().meta(told("what only a stack on AWS has: the next table.", { whole: true })),
  ports,
  database,
  databases,
  roles: declaredRoles,
  postgresql,
  pool,
  haproxy,
  certificates,
  replaces: replacements,
});

/** The settings of one stack, complete and checked. */
export type Settings = Omit<z.output<typeof schema>, "name" | "aws"> & { name: string; aws?: AwsSettings };

/** Where a stack's settings are to be used, as far as it is not said among them. */
export interface Surroundings {
  /** Name of the stack. */
  stack: string;
  /** AWS region of Pulumi's own configuration (`aws:region`) or of the environment. @default undefined: neither has one */
  region?: string;
}
