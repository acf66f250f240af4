/** `npm run setup`: makes this machine ready for the dev stack. Also the first part of `up` and `npm test`. */
import { incusAccess, incusDaemon, kernelLimits, storagePool } from "./setup/incus-daemon";
import { machineImage } from "./setup/machine-image";
import { packages } from "./setup/packages";
import { pgbench } from "./setup/pgbench";
import { plugins } from "./setup/plugins";
import { machineFaults } from "./setup/preflight";
import { pulumiCli } from "./setup/pulumi-cli";
import { makeStateDir, say, SetupError, type Step } from "./setup/step";

/** In the order in which they need each other. */
const steps: Step[] = [
  packages,
  pgbench,
  pulumiCli,
  plugins,
  kernelLimits,
  incusDaemon,
  incusAccess,
  storagePool,
  machineImage,
];

/** The steps that have something to do. A check that can't be made yet counts as one that has. */
async function pendingSteps(): Promise<Step[]> {
  const done = await Promise.all(steps.map(async (step) => Promise.resolve(step.check()).catch(() => false)));
  return steps.filter((_, index) => !done[index]);
}

/**
 * Makes sure of everything the dev stack needs on this machine. With nothing to do it takes a few milliseconds.
 * @param tell also name the steps that are done already
 * @throws SetupError with everything that stands in the way, before anything is changed
 */
export async function setup(tell = false): Promise<void> {
  makeStateDir();
  const pending = await pendingSteps();
  if (pending.length > 0) {
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
  setup(true).catch((error: Error) => {
    console.error(error instanceof SetupError || error.name === "Incus" ? error.message : error);
    process.exit(1);
  });
}
