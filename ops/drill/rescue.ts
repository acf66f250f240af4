import { fork, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../env";
import type { Cluster } from "../cluster";
import { OpsError } from "../errors";

/**
 * A process of its own that heals the cluster should the drill end without saying so, even by kill -9: the channel between
 * the two closes with the drill. It holds the lock too, so another drill begins only after it has healed.
 */
export interface Rescuer {
  /** Sends it away: the drill is over and has healed. Resolves when it is gone. */
  dismiss(): Promise<void>;
}

/** What the drill tells its rescuer. */
export type ToRescuer = { cluster: Cluster } | "dismissed";
/** What the rescuer answers: ready, or why not. */
export type FromRescuer = "ready" | { refused: string };

/** The rescuer's log file. */
export const rescueLog = (folder: string) => join(folder, "drill-rescue.log");

/**
 * Starts the rescuer of a cluster, before anything is done to it.
 * @throws OpsError when another drill runs on the cluster
 */
export async function startRescuer(cluster: Cluster): Promise<Rescuer> {
  mkdirSync(cluster.folder, { recursive: true, mode: 0o700 });
  const log = openSync(rescueLog(cluster.folder), "a", 0o600);
  const child = fork(join(__dirname, "rescue-process.ts"), [cluster.folder], {
    cwd: checkoutRoot,
    // A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
    detached: true,
    execArgv: ["--require", join(checkoutRoot, "loader.cjs")],
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const answer = new Promise<FromRescuer>((resolve) => child.once("message", (said) => resolve(said as FromRescuer)));
  tell(child, { cluster });
  const said = await Promise.race([answer, gone]);
  if (said !== "ready") {
    throw new OpsError(said?.refused ?? `the drill's rescue process did not start; see ${rescueLog(cluster.folder)}`);
  }
  // The drill may end while the rescuer lives: it heals then.
  child.unref();
  child.channel?.unref();
  let dismissed = false;
  void gone.then(() => {
    if (!dismissed)
      console.error(
        `the drill's rescue process has ended: nobody heals if this is interrupted; see ${rescueLog(cluster.folder)}`,
      );
  });
  return {
    async dismiss() {
      dismissed = true;
      child.ref();
      tell(child, "dismissed");
      await gone;
    },
  };
}

const tell = (child: ChildProcess, message: ToRescuer) => child.connected && child.send(message);
