import { z } from "zod";
import { told } from "./types";

/**
 * Settings that make a cluster the one that it is: a change of one takes away its machines or its data, or what the application
 * logs in to. What each is of a stack is in `identity.ts`, what its change does in `components/identity/judge.ts`.
 */
export const identityKeys = [
  "name",
  "driver",
  "network.cidr",
  "database.name",
  "database.owner",
  "database.user",
  "aws.zones",
  "aws.vpc",
  "aws.kmsKey",
] as const;

export type IdentityKey = (typeof identityKeys)[number];

const old = z.string().optional();

export const replacements = z
  .strictObject(Object.fromEntries(identityKeys.map((key) => [key, old])) as Record<IdentityKey, typeof old>)
  .default({})
  .meta(
    told(
      "changes that `up` and `preview` refuse unless they are asked for here, by the setting's name and its old value, as the " +
        `refusal prints it: of ${identityKeys.map((key) => `\`${key}\``).join(", ")}. It holds for that change only; remove it afterwards.`,
      { example: "{network.cidr: 10.88.0.0/24}", whole: true },
    ),
  );
