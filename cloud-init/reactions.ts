/** What changed files do on the nodes of a role: the reactions of its services, and those of the machine itself. */
import type { Role } from "../settings/roles";
import { possibleServices } from "./services";
import type { Reaction } from "./services/service";

/** A reaction, with the unit that systemd restarts or reloads. */
export type UnitReaction = Reaction & { unit: string };

/** What every machine has beside its role. */
const machine: UnitReaction[][] = [
  [
    {
      files: ["/etc/pgha/firewall.nft", "*/pgha-firewall.service"],
      kind: "helper",
      unit: "pgha-firewall",
      text: "the packet filter is loaded; connections stay",
    },
  ],
  [
    {
      files: ["/etc/ssh/sshd_config.d/20-pgha-limits.conf"],
      kind: "reload",
      unit: "ssh",
      text: "the SSH server reloads; sessions stay",
    },
  ],
];

/** Of each list just the first that matches happens. */
export const reactionsOf = (role: Role): UnitReaction[][] => [
  ...machine,
  ...possibleServices(role).flatMap(([, { unit, reactions }]) =>
    reactions.map((list) => list.map((reaction) => ({ ...reaction, unit }))),
  ),
];

/** Those that follow when these files have changed. */
export function reactionsTo(role: Role, paths: string[]): UnitReaction[] {
  const hit = ({ files }: Reaction) => files.some((pattern) => paths.some((path) => matches(path, pattern)));
  return reactionsOf(role).flatMap((list) => list.find(hit) ?? []);
}

/** Whether a path matches, as `[[ $path == $pattern ]]` does. */
export function matches(path: string, pattern: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(path);
}

/** For the converge step (`must` in `converge/common.sh`): an array in bash, of deed, unit and paths. */
export function reactionsInBash(role: Role): string {
  const lines = reactionsOf(role)
    .flat()
    .map(({ kind, unit, files }) => [kind === "helper" ? "restart" : kind, unit, ...files].join(" "));
  return ["reactions=(", ...lines.map((line) => `  '${line}'`), ")"].join("\n");
}
