/** Whether a cluster may become another one by a change of its settings. */
import type { CheckFailure } from "@pulumi/pulumi/dynamic";
import { none, type Identity } from "../../settings/identity";
import type { IdentityKey } from "../../settings/sections/replaces";
import { impossible, kept } from "./never";

/** What a cluster is judged by. */
export interface Case {
  /** The identity of the cluster that exists. */
  before: Identity;
  /** The one that the settings say now. */
  after: Identity;
  /** The changes that they ask for by name: settings and their old values. */
  asked: Identity;
  /** Whether what exists is protected (`aws.protect`). */
  guarded: boolean;
}

/** @returns a failure for each setting that changes without being asked for, or that cannot be changed at all */
export function judge({ before, after, asked, guarded }: Case): CheckFailure[] {
  const keys = Object.keys(after) as IdentityKey[];
  return keys.flatMap((key) => {
    const [old, now] = [before[key], after[key]!];
    // One that was not noted yet, as with another driver: there is nothing to compare it with.
    if (old === undefined || old === now) return [];
    const never = impossible(key, old, now, before) ?? (guarded ? kept(key, old, now) : undefined);
    if (never === undefined && asked[key] === old) return [];
    const change = `pgha:${key} is changed from ${old} to ${now}`;
    const way = `  To keep the cluster as it is, ${wayBack(key, old)}.`;
    const reason = never
      ? [`${change}: ${never.why}. Nothing was changed.`, way, `  ${never.instead}`]
      : [
          `${change}: ${consequence(key, before)}. Nothing was changed.`,
          way,
          `  If the change is wanted all the same, ask for it by its old value: pgha:replaces: {${key}: ${old}}`,
        ];
    return [{ property: "", reason: reason.join("\n") }];
  });
}

function wayBack(key: IdentityKey, old: string): string {
  if (old === none) return `remove pgha:${key}`;
  const [section, setting] = key.split(".");
  switch (key) {
    case "aws.vpc":
      return "write its old VPC, subnets and firstHost again: pgha:aws: {vpc: ...}";
    case "aws.zones":
      return `write pgha:aws: {zones: [${old.replaceAll(" ", ", ")}]}`;
    default:
      return `write pgha:${section}: ${setting === undefined ? old : `{${setting}: ${old}}`}`;
  }
}

const allGone = "all data would be gone";

/** What the change of a setting would do to the cluster that exists. */
function consequence(key: IdentityKey, { driver }: Identity): string {
  switch (key) {
    case "driver":
      return `every machine would be removed and made anew elsewhere, and ${allGone}`;
    case "name":
    case "network.cidr":
      // On AWS only that of an existing VPC can be.
      return driver === "aws"
        ? "clients and an existing bastion would be let in from there alone, where the settings do not say from where"
        : `every machine would be replaced, all at once, and ${allGone}`;
    case "aws.vpc":
      return "every machine would be replaced, all at once, and etcd's data with them; only the database nodes' volumes would stay";
    case "aws.zones":
      return (
        "nodes whose zone is another one would be replaced, all at once, and their volumes with them; if all are, " +
        `${allGone}. When a zone goes, the load balancer is replaced, too: minutes without it, and then another name of its own`
      );
    case "aws.kmsKey":
      return `every machine and every volume would be replaced, all at once, and ${allGone}`;
    case "database.name":
      return "the application would get a new, empty database; the old one would stay as it is, but nobody could log in to it";
    case "database.owner":
      return (
        "a new role would be made; what is in the database would stay the old role's, which could no longer log in, so that " +
        "migrations of it would fail"
      );
    case "database.user":
      return (
        "a new role would be made; the old one would stay with its rights, but could no longer log in, nor could the " +
        "application before it uses the new name"
      );
  }
}
