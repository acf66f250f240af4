import { hostname, userInfo } from "node:os";
import type { Reached } from "./ask";
import { quote } from "./process";

/** Who runs this, as far as this machine knows. */
export const operator = () => `${userInfo().username}@${hostname()}`.replaceAll(/[^\w.@-]/g, "?");

/**
 * Shell words that leave a line in a node's journal (`journalctl -t pgha`): who did what, and from where. They stand in a script
 * whose first argument is `$SSH_CONNECTION`, as scripts of a Runner do.
 * @param what without a secret, so without anything that somebody typed
 */
export const trailLine = (what: string) =>
  `logger -t pgha -p auth.notice -- ${quote(`${operator()}:`)} ${quote(what)}, from "\${1%% *}"`;

/** Leaves that line on nodes. Where it cannot be left, what is to be done there fails by itself. */
export async function leaveTrail({ runner }: Reached, nodes: string[], what: string): Promise<void> {
  await Promise.all(nodes.map((node) => runner.run(node, trailLine(what))));
}
