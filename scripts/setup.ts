/**
 * `npm run setup`: makes this machine ready for the dev stack. Also the first part of `up` and `npm test`. Stacks in a cloud
 * need the tools only: no root, no Incus.
 */
import type { Settings } from "../settings/schema";
import { incusAccess, incusDaemon, kernelLimits, storagePool } from "./setup/incus-daemon";
import { machineImage } from "./setup/machine-image";
import { packages } from "./setup/packages";
import { pgbench } from "./setup/pgbench";
import { plugins } from "./setup/plugins";
import { machineFaults } from "./setup/preflight";
import { pulumiCli } from "./setup/pulumi-cli";
import { makeStateDir, say, SetupError, type SetupStep } from "./setup/step";

/** What every stack needs. */
const tools: SetupStep[] = [pulumiCli, plugins];

/** What machines on this host need, in the order in which they need each other. */
const machines: SetupStep[] = [
  packages,
  pgbench,
  ...tools,
  kernelLimits,
  incusDaemon,
  incusAccess,
  storagePool,
  machineImage,
];

/** The steps that have something to do. A check that can't be made yet counts as one that has. */
async function pendingSteps(steps: SetupStep[]): Promise<SetupStep[]> {
  const done = await Promise.all(steps.map(async (step) => Promise.resolve(step.check()).catch(() => false)));
  return steps.filter((_, index) => !done[index]);
}

/**
 * Makes sure of everything that is needed on this machine. With nothing to do it takes a few milliseconds.
 * @param options.driver where the stack's machines are. `aws`: the tools only. @default "incus"
 * @param options.tell also name the steps that are done already. @default false
 * @throws SetupError with everything that stands in the way, before anything is changed
 */
export async function setup(options: { driver?: Settings["driver"]; tell?: boolean } = {}): Promise<void> {
  const { driver = "incus", tell = false } = options;
  const steps = driver === "incus" ? machines : tools;
  makeStateDir();
  const pending = await pendingSteps(steps);
  if (driver === "incus" && pending.length > 0) {
    const faults = machineFaults(pending);
    if (faults.length > 0) {
      throw new SetupError(
        `This machine can't run the dev stack yet; nothing was changed:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`,
      );
    }
  }
  for (const step of steps) {
    // Checked again: an earlier step may have done it along the way.
    if (!pending.includes(step) || (await step.check())) {
      if (tell) say(`${step.name}: done already`);
      continue;
    }
    const started = Date.now();
    say(`${step.name} ...${step.root ? ` (needs root: ${step.root})` : ""}`);
    const way = await step.apply();
    say(`${step.name}: ${way} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  }
}

if (require.main === module) {
  setup({ tell: true }).catch((error: Error) => {
    console.error(error instanceof SetupError || error.name === "Incus" ? error.message : error);
    process.exit(1);
  });
}
