/** What `up` and `preview` on AWS ask of the policy pack: its rules in Pulumi's own run, and the one that reads a preview. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { oneAtATime } from "../policy/one-at-a-time";
import { interact } from "../ops/process";
import { checkoutRoot, pulumiEnv } from "../ops/env";
import { readPreview } from "./summary/events";

/** Flags of Pulumi that make a preview or an update keep the rules of policy/. */
export const policyFlags = ["--policy-pack", "policy"];

interface Where {
  /** Folder of the Pulumi program. @default the checkout */
  cwd?: string;
  /** @default that of the set-up */
  env?: NodeJS.ProcessEnv;
}

/**
 * Shows a preview and judges it before anything of it is done: by the rules of policy/, and by what it would take away. An update
 * by somebody else in between goes unnoticed: Pulumi locks a stack for the length of one run only.
 * @param flags what the update will be called with
 * @returns the exit code: 0 when the update may go on
 */
export async function judge(stack: string, flags: string[], { cwd = checkoutRoot, env = pulumiEnv() }: Where = {}) {
  // Readable for nobody else: the log's debug messages know secrets.
  const folder = mkdtempSync(join(tmpdir(), "pgha-judge-"));
  try {
    const log = join(folder, "events");
    // The flag for the log is one of those that only this shows; Pulumi's Automation API sets it as well.
    const debug = { ...env, PULUMI_DEBUG_COMMANDS: "true" };
    const args = ["preview", "--stack", stack, ...policyFlags, "--event-log", log, ...flags];
    const code = await interact("pulumi", args, { cwd, env: debug });
    if (code !== 0) return code;
    const { ok, engineSteps } = readPreview(readFileSync(log, "utf8"));
    const faults = ok ? oneAtATime(engineSteps, stack) : ["The preview's record is incomplete: run this again."];
    for (const fault of faults) console.error(`Policy one-at-a-time: nothing was changed. ${fault}`);
    return faults.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
