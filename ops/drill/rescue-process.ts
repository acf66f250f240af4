/** The rescuer's own process; see rescue.ts, which starts it. */
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../cluster";
import { messageOf } from "../errors";
import { sshRunner } from "../ssh";
import type { FromRescuer, ToRescuer } from "./rescue";
import { heal } from "./heal";
import { releaseLock, takeLock } from "./lock";
import { makeWorld } from "./world";

/** How long it tries to heal, and to get the lock of a rescuer that still heals, seconds. */
const healLimit = 900;
const lockLimit = 240;

const [folder] = process.argv.slice(2) as [string];
const drill = process.ppid;
const log = (text: string) => console.log(`${new Date().toISOString()} rescuer of ${drill}: ${text}`);

let cluster: Cluster | undefined;
let ready = false;

process.on("message", (message: ToRescuer) => {
  if (message !== "dismissed") {
    cluster = message.cluster;
    void begin();
    return;
  }
  releaseLock(folder);
  process.exit();
});

process.on("disconnect", () => {
  if (!ready || !cluster) process.exit();
  log("the drill was interrupted");
  void rescue(cluster).finally(() => {
    releaseLock(folder);
    process.exit();
  });
});

async function begin(): Promise<void> {
  const refused = await awaitLock();
  ready = refused === undefined;
  process.send!((refused === undefined ? "ready" : { refused }) satisfies FromRescuer);
  if (!ready) process.disconnect();
}

/** @returns why it cannot be had. One that belongs to a rescuer that heals after a drill will be free soon */
async function awaitLock(): Promise<string | undefined> {
  for (const deadline = Date.now() + lockLimit * 1000; ; await pause(500)) {
    const holder = takeLock(folder, { rescuer: process.pid, drill });
    if (!holder) return undefined;
    if (alive(holder.drill)) return `another drill runs on this cluster (process ${holder.drill})`;
    if (Date.now() > deadline)
      return `the rescue process of an earlier drill (process ${holder.rescuer}) still heals this cluster`;
  }
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function rescue(broken: Cluster): Promise<void> {
  const world = makeWorld({ cluster: broken, runner: sshRunner(broken) }, Math.random);
  for (const deadline = Date.now() + healLimit * 1000; Date.now() < deadline; await pause(5000)) {
    try {
      log(`healed: ${(await heal(world)).join("; ") || "nothing to undo"}`);
      return;
    } catch (error) {
      log(messageOf(error));
    }
  }
}
