import type { Settings } from "./schema";
import type { IdentityKey } from "./sections/replaces";

/** What makes a cluster the one that it is: settings and their values, as texts of one line without a comma. */
export type Identity = Partial<Record<IdentityKey, string>>;

/** What stands for a setting that is not written. */
export const none = "none";

export function identityOf({ name, driver, network, database, aws }: Settings): Identity {
  return {
    name,
    driver,
    "network.cidr": network.cidr,
    "database.name": database.name,
    "database.owner": database.owner,
    "database.user": database.user,
    ...(aws && {
      "aws.zones": aws.zones.join(" "),
      // What of it the machines are in. Where clients are may change.
      "aws.vpc": aws.vpc
        ? [aws.vpc.id, ...aws.zones.map((zone) => aws.vpc!.nodes[zone]!.subnet), aws.vpc.firstHost].join(" ")
        : none,
      "aws.kmsKey": aws.kmsKey ?? none,
    }),
  };
}
