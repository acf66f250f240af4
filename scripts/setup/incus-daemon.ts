/** Incus: its daemon, this user's access to it, limits of the kernel, and the storage pool. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Incus, IncusError, socketPath } from "../../components/incus/api";
import { asRoot, isRoot } from "../../ops/root";
import { must, mustAsRoot, run, SetupError, type SetupStep } from "./step";

/** The storage pool of all stacks of this machine. */
export const pool = "pgha";
const group = "incus-admin";
const waitSeconds = 60;

type Answer = "yes" | "denied" | "no";

/** Whether the daemon answers this user. */
async function answers(): Promise<Answer> {
  if (!existsSync(dirname(socketPath()))) return "no";
  try {
    const { auth } = await new Incus().get<{ auth: string }>("/1.0");
    return auth === "trusted" ? "yes" : "denied";
  } catch (error) {
    if (error instanceof IncusError && error.message.includes("may not open")) return "denied";
    return "no";
  }
}

export const incusDaemon: SetupStep = {
  name: "Incus daemon",
  root: "starting incusd",
  check: async () => (await answers()) !== "no",
  async apply() {
    const systemd = existsSync("/run/systemd/system") && !process.env.INCUS_DIR;
    if (systemd) mustAsRoot("Starting Incus", "systemctl", ["enable", "--now", "incus.socket", "incus.service"]);
    else mustAsRoot("Starting Incus", "bash", [join(__dirname, "incusd.sh")]);
    const deadline = Date.now() + waitSeconds * 1000;
    while ((await answers()) === "no") {
      if (Date.now() > deadline) {
        const log = systemd ? "`journalctl -u incus`" : "/var/log/incus/daemon.log";
        throw new SetupError(`Incus was started, but did not answer within ${waitSeconds} s; see ${log}`);
      }
      await pause(100);
    }
    return systemd
      ? "started by systemd, now and at every boot"
      : "started without systemd; after a reboot, run this again";
  },
};

/** Runs this very command again as a member of the group, which a login before joining it is not, and ends with it. */
function againInGroup(): never {
  const quoted = [process.execPath, ...process.execArgv, ...process.argv.slice(1)].map(
    (word) => `'${word.replaceAll("'", `'\\''`)}'`,
  );
  const { status } = spawnSync("sg", [group, "-c", `exec ${quoted.join(" ")}`], {
    stdio: "inherit",
    env: { ...process.env, PGHA_IN_GROUP: "1" },
  });
  process.exit(status ?? 1);
}

const inGroup = (user: string) => run("id", ["-nG", user]).stdout.split(/\s+/).includes(group);

export const incusAccess: SetupStep = {
  name: "access to Incus",
  root: `adding this user to the group ${group}`,
  check: async () => isRoot() || (await answers()) === "yes",
  apply() {
    const user = userInfo().username;
    if (process.env.PGHA_IN_GROUP) {
      throw new SetupError(
        `${user} is in the group ${group} and yet may not open ${socketPath()}; see its owner and mode`,
      );
    }
    if (!inGroup(user))
      mustAsRoot(`Adding ${user} to the group ${group}`, "usermod", ["--append", "--groups", group, user]);
    return againInGroup();
  },
};

/** Unprivileged containers share one user's limits, and systemd in each takes several inotify instances. */
const limits: Record<string, number> = { "fs.inotify.max_user_instances": 1024, "fs.inotify.max_user_watches": 524288 };
const limitsFile = "/etc/sysctl.d/60-pgha.conf";

const current = (key: string) => Number(readFileSync(`/proc/sys/${key.replaceAll(".", "/")}`, "utf8"));

export const kernelLimits: SetupStep = {
  name: "kernel limits",
  root: "sysctl",
  check: () => Object.entries(limits).every(([key, least]) => current(key) >= least),
  apply() {
    const lines = Object.entries(limits).map(([key, least]) => `${key}=${Math.max(current(key), least)}`);
    const write = 'f=$1; shift; printf "%s\\n" "# Made by pgha: many containers at once." "$@" >"$f"';
    mustAsRoot(`Writing ${limitsFile}`, "sh", ["-c", write, "sh", limitsFile, ...lines]);
    const { ok, tail } = run(...asRoot("sysctl", ["--quiet", "--load", limitsFile]));
    if (!ok)
      throw new SetupError(
        `The kernel refuses ${lines.join(", ")}: ${tail}\nSet them on the host of this machine and run this again.`,
      );
    return lines.join(", ");
  },
};

const GiB = 1024 ** 3;

/** Size of the pool's file in GiB: 30, or what the disk can give. It is sparse: it takes space only as it fills. */
export function poolSize(free: number): number {
  return Math.min(30, Math.floor(free / GiB) - 2);
}

export const storagePool: SetupStep = {
  name: "storage pool",
  check: async () =>
    (await answers()) === "yes" && (await new Incus().find(`/1.0/storage-pools/${pool}`)) !== undefined,
  apply() {
    const { bavail, bsize } = statfsSync(dirname(socketPath()));
    const size = poolSize(bavail * bsize);
    if (size < 6)
      throw new SetupError(
        `the disk of ${dirname(socketPath())} has too little free space for the machines (8 GiB are needed)`,
      );
    must("Making the storage pool", "incus", ["storage", "create", pool, "btrfs", `size=${size}GiB`]);
    return `btrfs in a file of up to ${size} GiB`;
  },
};
