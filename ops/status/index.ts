import { setTimeout as pause } from "node:timers/promises";
import type { ReachedNodes } from "../ask";
import { exitCode } from "../errors";
import { formatStatus } from "./format";
import { hopsOf } from "./hops";
import { failedLogins } from "./logins";
import type { Status } from "./model";
import { probeAll } from "./probe";
import { inTheWay, readStatus } from "./read";

export type { DatabaseNode, Status } from "./model";

/** Looks at every node of a cluster, once; and once more at proxies through which transactions have come that are in the way. */
export async function getStatus(reached: ReachedNodes): Promise<Status> {
  const { cluster, runner } = reached;
  const probes = await probeAll(cluster, runner);
  return readStatus(cluster.stack, cluster.facts, probes, await hopsOf(reached, inTheWay(probes)));
}

/** Waits until a cluster is whole, for so many seconds at most. @returns how it was at the last look */
export async function wholeWithin(reached: ReachedNodes, seconds: number): Promise<Status> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const status = await getStatus(reached);
    if (status.whole || Date.now() > deadline) return status;
    await pause(500);
  }
}

/** `pgha status`. @param watch seconds between two looks; undefined: one look */
export async function statusCommand(
  reached: ReachedNodes,
  options: { json?: boolean; watch?: number },
): Promise<number> {
  const { json, watch } = options;
  const terminal = process.stdout.isTTY === true;
  for (;;) {
    const [status, failed] = await Promise.all([getStatus(reached), failedLogins(reached)]);
    const colour = terminal && !process.env.NO_COLOR;
    const text = json
      ? JSON.stringify({ ...status, failedLogins: failed }, null, watch === undefined ? 2 : 0)
      : formatStatus(status, failed, colour);
    if (watch === undefined) {
      console.log(text);
      return status.whole ? exitCode.ok : exitCode.bad;
    }
    const clear = terminal && !json ? "\x1b[H\x1b[2J\x1b[3J" : "";
    const stamp = json ? "" : `${new Date().toTimeString().slice(0, 8)}, every ${watch} s; Ctrl-C ends\n\n`;
    console.log(`${clear}${stamp}${text}`);
    await pause(watch * 1000);
  }
}
