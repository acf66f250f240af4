import { fork, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../../scripts/env";
import type { Cluster } from "../cluster";
import { OpsError } from "../errors";

/**
 * A process of its own that heals the cluster should the drill end without saying so, even by kill -9: the channel between
 * the two closes with the drill. It holds the lock too, so another drill begins only after it has healed.
 */
export interface Guard {
  /** Sends it away: the drill is over and has healed. Resolves when it is gone. */
  dismiss(): Promise<void>;
}

/** What the drill tells its guard. */
export type ToGuard = { cluster: Cluster } | "dismissed";
/** What the guard answers: on guard, or why not. */
export type FromGuard = "ready" | { refused: string };

/** Where a guard writes down what it does. */
export const guardLog = (folder: string) => join(folder, "drill-guard.log");

/**
 * Posts a guard over a cluster, before anything is done to it.
 * @throws OpsError when another drill runs on the cluster
 */
export async function startGuard(cluster: Cluster): Promise<Guard> {
  mkdirSync(cluster.folder, { recursive: true, mode: 0o700 });
  const log = openSync(guardLog(cluster.folder), "a", 0o600);
  const child = fork(join(__dirname, "guard-process.ts"), [cluster.folder], {
    cwd: checkoutRoot,
    // A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
    detached: true,
    execArgv: ["--require", require.resolve("tsx/cjs")],
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const answer = new Promise<FromGuard>((resolve) => child.once("message", (said) => resolve(said as FromGuard)));
  tell(child, { cluster });
  const said = await Promise.race([answer, gone]);
  if (said !== "ready") {
    throw new OpsError(said?.refused ?? `the drill's guard did not start; ${guardLog(cluster.folder)} says why`);
  }
  // The drill may end while the guard is there: it heals then.
  child.unref();
  child.channel?.unref();
  let dismissed = false;
  void gone.then(() => {
    if (!dismissed)
      console.error(
        `the drill's guard has ended: nobody heals if this is broken off; ${guardLog(cluster.folder)} says why`,
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

const tell = (child: ChildProcess, message: ToGuard) => child.connected && child.send(message);
