// What a command prints: kept for the outputs, shown line by line, quoted when it fails.
import type { Context } from "../lib/plugin";

/** Inputs of a command, local or remote, after the check; lib/check.ts has made sure of the types. */
export interface RunInputs {
  [key: string]: unknown;
  stdin?: string;
  environment?: Record<string, string>;
  logging?: "stdout" | "stderr" | "stdoutAndStderr" | "none";
  addPreviousOutputInEnv?: boolean;
}

export interface Outputs {
  stdout: string;
  stderr: string;
}

/** The outputs of the run before, as environment of the next one. */
export function previousOutput(inputs: RunInputs, previous: Outputs): Record<string, string> {
  if (inputs.addPreviousOutputInEnv === false) {
    return {};
  }
  const both = { PULUMI_COMMAND_STDOUT: previous.stdout, PULUMI_COMMAND_STDERR: previous.stderr };
  return Object.fromEntries(Object.entries(both).filter(([, value]) => value !== ""));
}

export class Capture {
  private readonly chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  private readonly both: Buffer[] = [];
  private line = Buffer.alloc(0);

  constructor(
    private readonly logging: RunInputs["logging"],
    private readonly context: Context,
  ) {}

  add(stream: keyof Outputs, chunk: Buffer): void {
    this.chunks[stream].push(chunk);
    this.both.push(chunk);
    if (!this.logging || this.logging === stream || this.logging === "stdoutAndStderr") {
      this.show(chunk);
    }
  }

  private show(chunk: Buffer): void {
    let rest = Buffer.concat([this.line, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.context.log("info", rest.subarray(0, end).toString().replace(/\r$/, ""), true);
      rest = rest.subarray(end + 1);
    }
    this.line = rest;
  }

  /** The outputs at the end of the command, each without its last newline. */
  finish(): Outputs {
    if (this.line.length > 0) {
      this.show(Buffer.from("\n"));
    }
    const text = (stream: keyof Outputs): string => Buffer.concat(this.chunks[stream]).toString().replace(/\n$/, "");
    return { stdout: text("stdout"), stderr: text("stderr") };
  }

  /** The real plugin's message: it quotes the command and all it printed. Secrets belong in stdin. */
  failure(reason: string, command: string): Error {
    this.finish();
    return new Error(`${reason}: running ${goQuote(command)}:\n${Buffer.concat(this.both).toString()}`);
  }
}

/** Go's %q. */
function goQuote(text: string): string {
  const short: Record<string, string> = {
    '"': '\\"',
    "\\": "\\\\",
    "\x07": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
  };
  const escaped = text.replace(
    /["\\\p{Cc}]/gu,
    (c) => short[c] ?? `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${escaped}"`;
}
