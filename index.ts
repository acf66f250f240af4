import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { PostgresCluster } from "./components/cluster";
import { driverFor } from "./components/drivers";
import { SettingsError } from "./settings/faults";
import { bastionKey, settingsFromConfig } from "./settings/load";

/** What the cluster is made from: all that can be refused is refused here, before anything is declared. */
async function prepare() {
  try {
    const stack = pulumi.getStack();
    const settings = settingsFromConfig(pulumi.runtime.allConfig(), stack);
    return { settings, makeDriver: await driverFor(settings, stack) };
  } catch (error) {
    // A fault in the settings is the user's to fix: the message says how, a stack trace would not.
    if (error instanceof SettingsError) throw new pulumi.RunError(error.message);
    throw error;
  }
}

/** The program. Pulumi calls it, waits for it, and makes what it gives the stack's outputs. */
export = async () => {
  const { settings, makeDriver } = await prepare();
  const cluster = new PostgresCluster("pgha", {
    settings,
    makeDriver,
    bastionKey: new pulumi.Config().getSecret(bastionKey),
  });
  if (settings.aws) {
    // `pulumi destroy` begins with what nothing depends on, and meets a protected machine only after it has taken the endpoint's
    // listeners, detached the disks and more. This depends on everything: it is met first, and lets nothing be taken.
    const { protect } = settings.aws;
    new random.RandomId("pgha-protection", { byteLength: 8 }, { dependsOn: cluster, protect });
  }
  /** Shown by `pulumi stack output readme` and on the stack's page. */
  const readme = readFileSync(join(__dirname, "Pulumi.README.md"), "utf8");
  return { ...cluster.outputs, readme };
};
