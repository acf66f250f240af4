/** Everything that would stop the set-up, found before anything is changed and told in one message. */
import { existsSync, statfsSync } from "node:fs";
import { totalmem } from "node:os";
import { distribution } from "./distribution";
import { missingPackages, packageFaults } from "./packages";
import { find, run, type SetupStep } from "./step";
import { isRoot } from "../../ops/root";

const GiB = 1024 ** 3;

/** What the machine must have. */
export const least = { diskGiB: 8, memoryGiB: 4 };

/** The facts of the machine, apart from what is made of them. */
export interface Machine {
  platform: string;
  arch: string;
  /** "root", "sudo", or "none". */
  privilege: "root" | "sudo" | "none";
  memory: number;
  freeDisk: number;
  freeDiskAt: string;
  /** A terminal on which sudo can ask for a password, or no password is asked. */
  canAsk: boolean;
}

export function thisMachine(): Machine {
  const freeDiskAt = existsSync("/var/lib") ? "/var/lib" : "/";
  const { bavail, bsize } = statfsSync(freeDiskAt);
  const sudo = find("sudo") !== undefined;
  return {
    platform: process.platform,
    arch: process.arch,
    privilege: isRoot() ? "root" : sudo ? "sudo" : "none",
    canAsk: isRoot() || process.stdin.isTTY || (sudo && run("sudo", ["-n", "true"]).ok),
    memory: totalmem(),
    freeDisk: bavail * bsize,
    freeDiskAt,
  };
}

/**
 * What stands in the way of the steps still to do. Each fault says what to do.
 * @param pending the steps whose check failed
 */
export function faults(machine: Machine, pending: SetupStep[]): string[] {
  const found: string[] = [];
  const needRoot = pending.filter(({ root }) => root);
  if (machine.platform !== "linux" || machine.arch !== "x64") {
    found.push(
      `this is ${machine.platform} on ${machine.arch}: the dev stack needs Linux on x86-64; use a machine or a VM with it`,
    );
  }
  if (needRoot.length > 0 && machine.privilege === "none") {
    const why = needRoot.map(({ name, root }) => `${name} (${root})`).join(", ");
    found.push(
      `this user is not root and there is no sudo, which is needed for: ${why}; run this as root or install sudo`,
    );
  } else if (needRoot.length > 0 && !machine.canAsk) {
    found.push("sudo asks for a password and there is no terminal to ask on: run this in a terminal, or as root");
  }
  // Both are for building and running machines; with an image and a pool in place they have been judged before.
  if (
    pending.some(({ name }) => name === "machine image" || name === "storage pool") &&
    machine.freeDisk < least.diskGiB * GiB
  ) {
    const free = (machine.freeDisk / GiB).toFixed(1);
    found.push(`${machine.freeDiskAt} has ${free} GiB of free disk space; ${least.diskGiB} GiB are needed: free some`);
  }
  // A machine sold as 4 GiB shows a little less.
  if (machine.memory < (least.memoryGiB - 0.5) * GiB) {
    found.push(
      `this machine has ${(machine.memory / GiB).toFixed(1)} GiB of memory; ${least.memoryGiB} GiB are needed`,
    );
  }
  return found;
}

/** All faults of this machine, those of its packages included. */
export function machineFaults(pending: SetupStep[]): string[] {
  const machine = thisMachine();
  const found = faults(machine, pending);
  const mayAsk = machine.platform === "linux" && machine.privilege !== "none" && machine.canAsk;
  if (mayAsk) found.push(...packageFaults());
  else if (missingPackages().length > 0)
    found.push(`missing on this ${distribution().name}: ${missingPackages().join(", ")}`);
  return found;
}
