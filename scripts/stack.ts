/** What the scripts that act on a stack have in common. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { settingsFromFile } from "../settings/load";
import type { Settings } from "../settings/schema";
import { interact, run } from "../ops/process";
import { checkoutRoot, pulumiEnv, stateDir } from "../ops/env";
import { say, SetupError } from "./setup/step";

/** What the command line says: `[--stack NAME] [-- FLAGS OF PULUMI]`. */
export interface StackArguments {
  /** @default "dev" */
  stack: string;
  /** Passed on to Pulumi as they are. */
  extra: string[];
}

/** @throws SetupError with the usage when the line can't be read */
export function stackArguments(args: string[]): StackArguments {
  const end = args.indexOf("--");
  const [own, extra] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end + 1)];
  try {
    const { values } = parseArgs({ args: own, options: { stack: { type: "string", short: "s", default: "dev" } } });
    return { stack: values.stack, extra };
  } catch (error) {
    const usage = "Usage: npm run COMMAND -- [--stack NAME] [-- FLAGS FOR PULUMI]";
    throw new SetupError(`${(error as Error).message}\n${usage}`);
  }
}

/**
 * The settings of a stack, judged before anything else is done.
 * @throws SettingsError, or SetupError when the file is missing or is not YAML
 */
export function stackSettings(stack: string): Settings {
  try {
    return settingsFromFile(checkoutRoot, stack);
  } catch (error) {
    if ((error as Error).name === "SettingsError") throw error;
    throw new SetupError((error as Error).message);
  }
}

/**
 * Where a stack's machines are, for commands that must also work when its settings are at fault or its file is gone.
 * @returns "incus" unless the file says otherwise
 */
export function stackDriver(stack: string): Settings["driver"] {
  const file = join(checkoutRoot, `Pulumi.${stack}.yaml`);
  return existsSync(file) && /^\s*pgha:driver:\s*["']?aws\b/m.test(readFileSync(file, "utf8")) ? "aws" : "incus";
}

/** Runs the Pulumi CLI on this terminal. @returns its exit code */
export const pulumi = (args: string[]) => interact("pulumi", args, { cwd: checkoutRoot, env: pulumiEnv() });

/** Whether state is where Pulumi.yaml says; otherwise only the CLI knows where and how. */
const ownBackend = (env = pulumiEnv()) => !env.PULUMI_BACKEND_URL;

const backend = join(stateDir, ".pulumi");

/**
 * Whether the stack has state. With another backend nobody knows but Pulumi, which is asked.
 * @throws SetupError when the backend does not answer: that does not prove that nothing exists
 */
export async function stackExists(stack: string): Promise<boolean> {
  if (ownBackend()) return existsSync(join(backend, "stacks", "pgha", `${stack}.json`));
  const args = ["stack", "--stack", stack, "--show-name", "--non-interactive"];
  const { code, stderr } = await run("pulumi", args, { cwd: checkoutRoot, env: pulumiEnv() });
  if (code === 0) return true;
  if (/no stack named/i.test(stderr)) return false;
  throw new SetupError(`Pulumi could not say whether stack ${stack} exists: ${stderr.trim()}`);
}

/**
 * Selects the stack, and makes it when it is new. On AWS its secrets are worth more than an empty passphrase, so there it is for
 * the user to make it, once.
 * @throws SetupError when it can't be made, or should not be made here
 */
export async function selectStack(stack: string, driver: Settings["driver"]): Promise<void> {
  if (await stackExists(stack)) return;
  const { PULUMI_CONFIG_PASSPHRASE, PULUMI_CONFIG_PASSPHRASE_FILE } = process.env;
  if (driver === "aws" && !PULUMI_CONFIG_PASSPHRASE && !PULUMI_CONFIG_PASSPHRASE_FILE) {
    throw new SetupError(
      `There is no stack ${stack} yet. Make it once, with keys for its secrets, then run this again:\n` +
        `  npm run pulumi -- stack init ${stack} --secrets-provider "awskms://alias/KEY?region=REGION"\n` +
        "or set PULUMI_CONFIG_PASSPHRASE_FILE. docs/aws.md says more.",
    );
  }
  const code = await pulumi(["stack", "select", "--create", stack, "--non-interactive"]);
  if (code !== 0) throw new SetupError(`Pulumi could not make the stack ${stack}; its message is above`);
}

/**
 * Removes the locks of a Pulumi that was killed on this machine: nobody else would.
 * @throws SetupError when one of them still runs here. Pulumi itself would advise to delete its lock
 */
export async function releaseDeadLocks(stack: string, folder = lockFolder(stack)): Promise<void> {
  if (!ownBackend() || !existsSync(folder)) return;
  const locks = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Lock);
  const here = locks.filter((lock) => lock.hostname === hostname());
  const alive = here.find(({ pid }) => running(pid));
  if (alive) {
    throw new SetupError(
      `another run is at work on stack ${stack}, since ${alive.timestamp} (process ${alive.pid}, started by ${alive.username}). Wait until ` +
        "it has ended, and run this again; one that hangs is ended by Ctrl-C where it runs. Nothing was changed.",
    );
  }
  if (locks.length === 0 || here.length < locks.length) return;
  say(`an earlier run on ${stack} was interrupted; this one goes on from there`);
  await run("pulumi", ["cancel", "--yes", "--stack", stack], { cwd: checkoutRoot, env: pulumiEnv() });
}

/** What Pulumi leaves beside the state while it works on a stack. */
interface Lock {
  pid: number;
  username: string;
  hostname: string;
  /** ISO 8601. */
  timestamp: string;
}

const lockFolder = (stack: string) => join(backend, "locks", "organization", "pgha", stack);

/** Whether this process is a Pulumi: after a reboot its id may belong to something else. */
function running(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0]!.endsWith("pulumi");
  } catch {
    return false;
  }
}

/** Errors whose message is all that helps the user. */
const plain = new Set(["SetupError", "SettingsError", "OpsError", "Incus"]);

/** Runs a script: its exit code, or a message without a stack trace where the user can fix what is wrong. */
export function main(script: (args: string[]) => Promise<number>): void {
  script(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (error: Error) => {
      console.error(plain.has(error.name) ? error.message : error);
      process.exitCode = 1;
    },
  );
}
