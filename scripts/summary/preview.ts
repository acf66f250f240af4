/** A preview by Pulumi, as the reader of its events wants it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../ops/process";
import { checkoutRoot, pulumiEnv } from "../../ops/env";
import { readPreview, type Preview } from "./events";
import { redacted } from "./secrets";

interface Where {
  /** Folder of the Pulumi program. @default the checkout */
  cwd?: string;
  /** @default that of the set-up */
  env?: NodeJS.ProcessEnv;
}

export interface Previewed {
  preview: Preview;
  /** What `pulumi preview --diff` printed. */
  printed: string;
}

/**
 * Runs `pulumi preview --diff`; its event log has what that does not print: policies, and inputs as values.
 * @returns undefined when there is no such stack. A backend that can't be reached, or refuses, is a preview that failed
 */
export async function previewOf(
  stack: string,
  flags: string[],
  { cwd = checkoutRoot, env = pulumiEnv() }: Where = {},
): Promise<Previewed | undefined> {
  // The log's debug messages know secrets.
  const folder = mkdtempSync(join(tmpdir(), "pgha-preview-"));
  const log = join(folder, "events");
  try {
    writeFileSync(log, "");
    const shown = ["--diff", "--non-interactive", "--suppress-progress", "--color=never", "--event-log", log];
    const { code, stdout, stderr } = await run("pulumi", ["preview", "--stack", stack, ...shown, ...flags], {
      cwd,
      // The flag for the log is one of those that only this shows; Pulumi's Automation API sets it as well.
      env: { ...env, PULUMI_DEBUG_COMMANDS: "true" },
    });
    if (code !== 0 && stderr.includes(`no stack named '${stack}' found`)) return undefined;
    const preview = readPreview(readFileSync(log, "utf8"));
    // What fails before the engine starts (no credentials, a policy pack that is not there) is not an event.
    if (code !== 0 && preview.problems.every(({ severity }) => severity !== "error")) {
      preview.problems.push({ severity: "error", text: redacted(stderr.trim().split("\n").slice(-20).join("\n")) });
    }
    return { preview: { ...preview, ok: preview.ok && code === 0 }, printed: stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
