import { spawn, type SpawnOptions } from "node:child_process";
import { constants } from "node:os";
import { OpsError } from "./errors";

/** What became of a command. */
export interface Finished {
  /** Exit code; null when it was ended at its time limit. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Text for its standard input. @default empty */
  stdin?: string;
  /** Time limit in milliseconds. @default none */
  timeout?: number;
  /** Ends it as the time limit does. */
  signal?: AbortSignal;
}

/** Runs a command to its end and collects what it says. Rejects only when it cannot be started. */
export function run(command: string, args: string[], options: RunOptions = {}): Promise<Finished> {
  const { env, cwd, stdin = "", timeout, signal } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd, stdio: "pipe" });
    let stdout = "";
    let stderr = "";
    // Not left to the end of its output: a shared SSH connection keeps that open for as long as the node's command runs.
    const giveUp = () => {
      child.kill("SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code: null, stdout, stderr });
    };
    const timer = timeout ? setTimeout(giveUp, timeout) : undefined;
    signal?.addEventListener("abort", giveUp, { once: true });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => undefined); // a command that does not read its input is not at fault
    child.stdin.end(stdin);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}

/** Signals that are sent to this process alone, and are meant for the command that it runs. */
const passedOn = ["SIGTERM", "SIGHUP"] as const;

/** Runs a command on this terminal; its exit code is the answer. A signal counts as in a shell: 128 and its number. */
export function interact(command: string, args: string[], options: SpawnOptions = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    // Ctrl-C is the command's business: psql cancels a query by it.
    const ignore = () => undefined;
    process.on("SIGINT", ignore);
    const child = spawn(command, args, { ...options, stdio: "inherit" });
    const passOn = (signal: NodeJS.Signals) => child.kill(signal);
    for (const signal of passedOn) process.on(signal, passOn);
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ENOENT" ? new OpsError(`${command} is not installed here`) : error),
    );
    child.on("close", (code, signal) => {
      process.off("SIGINT", ignore);
      for (const name of passedOn) process.off(name, passOn);
      resolve(code ?? 128 + constants.signals[signal!]);
    });
  });
}

/** A text as one word of a shell command. */
export const quote = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
