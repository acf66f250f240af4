import { spawn } from "node:child_process";
import type { Context } from "../lib/plugin";
import { Capture, previousOutput, type Outputs, type RunInputs } from "./capture";

/** Runs a command on this machine: by /bin/sh -c unless `interpreter` says otherwise. */
export async function runLocal(
  command: string,
  inputs: RunInputs & { interpreter?: string[]; dir?: string },
  previous: Outputs,
  context: Context,
): Promise<Outputs> {
  context.signal.throwIfAborted();
  const [program = "/bin/sh", ...given] = inputs.interpreter?.length ? inputs.interpreter : ["/bin/sh", "-c"];
  const child = spawn(program, [...given, command], {
    cwd: inputs.dir,
    env: { ...process.env, ...inputs.environment, ...previousOutput(inputs, previous) },
    signal: context.signal,
    killSignal: "SIGKILL",
  });
  const capture = new Capture(inputs.logging, context);
  child.stdout.on("data", (chunk: Buffer) => capture.add("stdout", chunk));
  child.stderr.on("data", (chunk: Buffer) => capture.add("stderr", chunk));
  child.stdin.on("error", () => undefined); // a command need not read its input
  child.stdin.end(inputs.stdin ?? "");
  const reason = await new Promise<string | undefined>((resolve) => {
    child.on("error", (error) => {
      // With a signal the error comes before the end of the child; "close" tells more.
      if (error.name !== "AbortError") resolve(error.message);
    });
    child.on("close", (code, signal) =>
      resolve(code === 0 ? undefined : code === null ? `signal: ${signal}` : `exit status ${code}`),
    );
  });
  if (reason !== undefined) {
    throw capture.failure(reason, command);
  }
  return capture.finish();
}
