/** What every step of the set-up is made of: a shape, a way to run programs, and a way to be root. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { stateDir } from "../../ops/env";
import { asRoot } from "../../ops/root";

/** One step. `check` is cheap (it runs before every `up`); `apply` may take minutes and is safe to repeat. */
export interface SetupStep {
  name: string;
  /** What root is needed for, or undefined when it is not. */
  root?: string;
  /** Whether there is nothing to do. */
  check(): boolean | Promise<boolean>;
  /**
   * Does it.
   * @returns which way was taken, for the user
   */
  apply(): string | Promise<string>;
}

/** Something the user can fix: shown as its message alone. */
export class SetupError extends Error {
  override name = "SetupError";
}

/** Tells the user what is going on. */
export const say = (text: string) => console.error(`set-up: ${text}`);

export interface Outcome {
  ok: boolean;
  stdout: string;
  /** The last lines of what the program said, for an error message. */
  tail: string;
}

interface Options {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Seconds after which the program is stopped. @default 900 */
  timeout?: number;
  /** For one that takes minutes: every so many seconds the user is told what it says just then. @default it is left alone */
  tellEvery?: number;
}

/** Runs what follows its first argument, a number of seconds, in which the line that is just there is told on standard error. */
const telling = `set -o pipefail; every=$1 next=$1; shift
"$@" 2>&1 | while IFS= read -r line; do
  printf '%s\\n' "$line"
  if ((SECONDS >= next)); then printf 'set-up:   after %s s: %.100s\\n' "$SECONDS" "$line" >&2; next=$((SECONDS + every)); fi
done`;

/** Runs a program to its end without showing what it says, or only now and then. */
export function run(command: string, args: string[], { env, cwd, timeout = 900, tellEvery }: Options = {}): Outcome {
  const words = tellEvery ? ["bash", "-c", telling, "bash", String(tellEvery), command, ...args] : [command, ...args];
  const { status, stdout, stderr, error } = spawnSync(words[0]!, words.slice(1), {
    env,
    cwd,
    timeout: timeout * 1000,
    encoding: "utf8",
    // sudo asks for a password on the terminal itself; everything else has nothing to ask.
    stdio: ["ignore", "pipe", tellEvery ? "inherit" : "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  });
  const said = `${stdout ?? ""}${stderr ?? ""}`.trimEnd().split("\n").slice(-15).join("\n");
  const tail = error ? `${error.message}\n${said}` : said;
  return { ok: status === 0, stdout: (stdout ?? "").trim(), tail };
}

/** Runs a program that must succeed. @throws SetupError naming what was being done, with the program's last words */
export function must(doing: string, command: string, args: string[], options?: Options): string {
  const { ok, stdout, tail } = run(command, args, options);
  if (!ok) throw new SetupError(`${doing} failed:\n${tail}`);
  return stdout;
}

/** `must`, as root. */
export function mustAsRoot(doing: string, command: string, args: string[], options?: Options): string {
  return must(doing, ...asRoot(command, args), options);
}

/** Where a program is, on PATH or in the system's folders that a user's PATH leaves out. */
export function find(command: string, skip: string[] = []): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders
    .filter((folder) => folder && !skip.includes(folder))
    .map((folder) => join(folder, command))
    .find(executable);
}

export function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Makes the folders for state, readable by nobody else: state holds secrets, if encrypted ones. */
export function makeStateDir(): void {
  mkdirSync(join(stateDir, "log"), { recursive: true, mode: 0o700 });
}
