/** What the sections of the settings are made of. */
import { z } from "zod";

/** What is told of a setting; the tables of docs/settings.md are made of it (`settings/document.ts`). */
interface Told {
  /** As it stands in a stack's file. */
  example?: string;
  /** What stands in for a default that is not a constant. @default "none" */
  otherwise?: string;
  /** What a change of it, or a higher value, costs in money. */
  cost?: string;
  /** What a change of it does to a cluster that runs, where it is more than a reload. */
  change?: string;
  /** A section whose keys the page tells of elsewhere. */
  whole?: true;
}

/** Describes a setting: `z.string().meta(told("..."))`. */
export const told = (description: string, more: Told = {}) => ({ description, ...more });

/** A whole number between these, both included. */
export const count = (least: number, most: number) => z.number().int().min(least).max(most);

/** A TCP port that needs no privileges. */
export const port = z.number().int().min(1024).max(65535);

/** An SQL identifier that needs no quotes. */
export const identifier = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, {
  error: "must be a plain SQL identifier: lower-case letters, digits and _, 63 characters at most",
});

/** Parameters of PostgreSQL by their own names. */
export const parameterValues = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean()], { error: "must be text, a number, true or false" }),
);

/** Extensions by the names that `CREATE EXTENSION` has for them. Which there are says `settings/extensions.ts`. */
export const extensionNames = z.array(z.string()).default([]);

/** Name of an EC2 instance type, "m7i.large". */
export const instanceType = z.string().regex(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, {
  error: ({ input }) => `is '${String(input)}', which is not an EC2 instance type; write one like m7i.large`,
});

/** How a change that PostgreSQL takes up at its start is carried out. */
export const restarts = "PostgreSQL restarts, one standby after the other, the leader after a switchover";
/** A change of what makes a cluster the one that it is: `sections/replaces.ts`. @param does what becomes of the cluster then */
export const unlessAsked = (does: string) => `which is refused unless \`replaces\` asks for it, ${does}`;
/** A change that a running cluster does not survive, and that AWS does not take. */
export const replaces = unlessAsked("every machine is replaced, and the data is gone; on AWS it is always refused");
