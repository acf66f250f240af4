import { exitCode, OpsError } from "./errors";
import type { Status } from "./status";
import { hasQuorum } from "./status/members";

/** Said where a command needs Patroni at work. */
export const patroniPaused =
  "Patroni is paused (maintenance mode); `patronictl -c /etc/patroni/patroni.yml resume` ends it";

/** What speaks against a command that stops PostgreSQL on a node, whichever node it is. */
export const clusterUnfit = (status: Status): string[] => [
  ...(hasQuorum(status) ? [] : ["etcd has no quorum"]),
  ...(status.paused ? [patroniPaused] : []),
  ...(status.switchover ? ["a switchover is under way or scheduled"] : []),
];

/** A command that does not begin, with all that speaks against it. */
export class Refused extends OpsError {
  constructor(command: string, reasons: string[]) {
    super(`${command} refused, nothing was changed:\n${reasons.map((text) => `  - ${text}`).join("\n")}`, exitCode.bad);
  }
}
