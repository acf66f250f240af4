import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Who holds the lock of a cluster's drills. */
export interface Holder {
  /** The rescuer's process: it outlives a drill that is interrupted, until it has healed. */
  rescuer: number;
  /** The drill's process. */
  drill: number;
}

const lockFile = (folder: string) => join(folder, "drill.lock");

/**
 * Takes the lock of the drills on a cluster. One whose holder is dead is taken over.
 * @param folder the cluster's. The holder must have it among its arguments, which tells it from another process that
 * was given its number later
 * @returns who has it already; undefined: it is ours now
 */
export function takeLock(folder: string, ours: Holder): Holder | undefined {
  // Linked into place, so that nobody reads half of it.
  const written = `${lockFile(folder)}.${process.pid}`;
  writeFileSync(written, JSON.stringify(ours), { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(written, lockFile(folder));
        return undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = readHolder(folder);
      if (holder && runs(holder.rescuer, folder)) return holder;
      rmSync(lockFile(folder), { force: true });
    }
  } finally {
    rmSync(written);
  }
}

/** Gives the lock back; only who holds it may. */
export const releaseLock = (folder: string) => rmSync(lockFile(folder), { force: true });

function readHolder(folder: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(lockFile(folder), "utf8")) as Holder;
  } catch {
    return undefined; // gone by now
  }
}

function runs(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(folder);
  } catch {
    return false;
  }
}
