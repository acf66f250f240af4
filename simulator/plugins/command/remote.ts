import { constants } from "node:os";
import type { Client, ClientChannel } from "ssh2";
import type { Context } from "../lib/plugin";
import { Capture, previousOutput, type Outputs, type RunInputs } from "./capture";
import { abortReason, dial } from "./connection";
import type { Connection } from "./inputs";
import { openSession, request } from "./session";

/** Runs a command on another machine by the login shell of the user. */
export async function runRemote(
  command: string,
  inputs: RunInputs & { connection?: Connection },
  previous: Outputs,
  context: Context,
): Promise<Outputs> {
  const client = await dial(inputs.connection as Connection, context);
  // As in the real plugin a custom timeout bounds the dialling only: scripts that may hang belong under timeout(1).
  const abort = (): void => void (cancelled(context) && client.destroy());
  context.signal.addEventListener("abort", abort, { once: true });
  try {
    const channel = await openSession(client);
    await setEnvironment(client, channel, inputs, previous, context);
    const capture = new Capture(inputs.logging, context);
    const reason = await exec(client, channel, command, inputs.stdin ?? "", capture);
    if (reason !== undefined) {
      throw capture.failure(reason, command);
    }
    return capture.finish();
  } catch (error) {
    throw cancelled(context) ? new Error(abortReason(context), { cause: error }) : error;
  } finally {
    context.signal.removeEventListener("abort", abort);
    client.end();
  }
}

const cancelled = (context: Context): boolean => context.signal.aborted && abortReason(context) === "context canceled";

/** Variables of the program must be accepted by the server; those of the run before are only offered. */
async function setEnvironment(
  client: Client,
  channel: ClientChannel,
  inputs: RunInputs,
  previous: Outputs,
  context: Context,
): Promise<void> {
  const set = (key: string, value: string): Promise<boolean> =>
    request(client, channel, (protocol, id) => protocol.env(id, key, value, true));
  const advice = (key: string): string =>
    `Unable to set '${key}'. This only works if your SSH server is configured to accept these variables via AcceptEnv. ` +
    "Alternatively, if a Bash-like shell runs the command on the remote host, you could prefix the command itself " +
    "with the variables in the form 'VAR=value command'";
  for (const [key, value] of Object.entries(inputs.environment ?? {})) {
    if (!(await set(key, value))) {
      context.log("error", advice(key));
      throw new Error(`could not set environment variable "${key}": ssh: setenv failed`);
    }
  }
  for (const [key, value] of Object.entries(previousOutput(inputs, previous))) {
    if (!(await set(key, value))) {
      context.log("warning", advice(key));
    }
  }
}

/** Resolves at the end of the command: to why it failed, or to nothing. */
async function exec(
  client: Client,
  channel: ClientChannel,
  command: string,
  stdin: string,
  capture: Capture,
): Promise<string | undefined> {
  channel.on("data", (chunk: Buffer) => capture.add("stdout", chunk));
  channel.stderr.on("data", (chunk: Buffer) => capture.add("stderr", chunk));
  channel.on("error", () => undefined); // a command need not read its input; how it ends is what counts
  const lost = "wait: remote command exited without exit status or exit signal";
  const ended = new Promise<string | undefined>((resolve) => {
    let reason: string | undefined = lost;
    channel.on("exit", (code: number | null, signal?: string, _dump?: unknown, description?: string) => {
      const because = description ? `. Reason was: ${description}` : "";
      reason =
        code === 0
          ? undefined
          : code === null
            ? `Process exited with status ${128 + (constants.signals[signal as NodeJS.Signals] ?? 0)} from signal ` +
              `${signal?.replace(/^SIG/, "")}${because}`
            : `Process exited with status ${code}`;
    });
    channel.on("close", () => resolve(reason));
    client.once("close", () => resolve(reason));
  });
  const accepted = request(client, channel, (protocol, id) => protocol.exec(id, command, true));
  if ((await Promise.race([accepted, ended])) === false) {
    return `ssh: command ${command} failed`;
  }
  channel.end(stdin);
  return ended;
}
