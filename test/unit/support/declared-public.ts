import { rules, type Group } from "../../../settings/aws/flows";
import { isPrivate, parseCidr } from "../../../settings/cidr";
import type { Settings } from "../../../settings/schema";

/** What the settings open to networks that are not private: every other such rule is a mistake. */
export function declaredPublic(
  settings: Pick<Settings, "aws" | "clock">,
): { group: Group; cidr: string; port: number }[] {
  return rules(settings).flatMap(({ group, direction, peer, port }) => {
    if (direction === "egress" || !("cidr" in peer) || isPrivate(parseCidr(peer.cidr)!)) return [];
    return [{ group, cidr: peer.cidr, port }];
  });
}
