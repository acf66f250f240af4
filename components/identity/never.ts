/** Changes of a cluster's identity that nobody can ask for. */
import { none, type Identity } from "../../settings/identity";
import type { IdentityKey } from "../../settings/sections/replaces";

/** Why a change is not made, even where it is asked for. */
export interface Never {
  why: string;
  /** What to do instead. */
  instead: string;
}

/**
 * What AWS refuses half-way, so that it is refused here. Security groups cannot go, or be changed, while machines are in them, nor a
 * VPC's gateway while addresses are in use; and Pulumi replaces both before the machines, which depend on them.
 */
export function impossible(key: IdentityKey, old: string, now: string, before: Identity): Never | undefined {
  if (before.driver !== "aws") return undefined;
  const [vpc, otherVpc] = [old.split(" ")[0], now.split(" ")[0]];
  switch (key) {
    case "network.cidr":
      // In an existing VPC it says where that one is, and makes nothing.
      if (before["aws.vpc"] !== none) return undefined;
      return elsewhere("the VPC's network is its own for good");
    case "name":
      return elsewhere("the security groups have the name, and cannot be renamed while machines are in them");
    case "aws.vpc":
      return vpc === otherVpc ? undefined : elsewhere("security groups cannot leave a VPC while machines are in them");
    case "aws.zones": {
      const [zones, others] = [old.split(" "), now.split(" ")];
      const moved = zones.some((zone, index) => index < others.length && others[index] !== zone);
      if (before["aws.vpc"] !== none || !moved) return undefined;
      return {
        why: "a zone's place in the list says which addresses it has, and those in use cannot be another zone's",
        instead: "Add zones at the end, or take them from the end, one `up` for each.",
      };
    }
    default:
      return undefined;
  }
}

const elsewhere = (why: string): Never => ({
  why,
  instead: "For a cluster with the new value make another stack, or destroy this one first: its data would be gone.",
});

/** Why a setting of a protected cluster (`aws.protect`) cannot be changed; undefined when it can. Pulumi would refuse some of it half-way. */
export function kept(key: IdentityKey, old: string, now: string): Never | undefined {
  const takesAway: Partial<Record<IdentityKey, boolean>> = {
    driver: true,
    // Where only nodes move, Pulumi sees it in time. That the load balancer is replaced it may learn when the new subnet is made.
    "aws.zones": old.split(" ").some((zone) => !now.split(" ").includes(zone)),
    "aws.vpc": true,
    "aws.kmsKey": true,
  };
  if (!takesAway[key]) return undefined;
  return {
    why: "what it would take away is protected",
    instead: "If the change is wanted all the same, set pgha:aws: {protect: false} first, with an `up` of its own.",
  };
}
