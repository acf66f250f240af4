import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { PostgresCluster } from "./components/cluster";
import { settingsFromConfig } from "./components/load-settings";
import { SettingsError } from "./components/faults";
import type { Settings } from "./components/settings";

function loadSettings(): Settings {
  try {
    return settingsFromConfig(pulumi.runtime.allConfig(), pulumi.getStack());
  } catch (error) {
    // A fault in the settings is the user's to mend: the message says how, a stack trace would not.
    if (error instanceof SettingsError) throw new pulumi.RunError(error.message);
    throw error;
  }
}

const { outputs } = new PostgresCluster("pgha", { settings: loadSettings() });

export const { writeUrl, readUrl, pooledUrl, ownerUrl, dsn, statsUrls, statsPassword, caCertificate, cluster, ssh } =
  outputs;

/** Shown by `pulumi stack output readme` and on the stack's page. */
export const readme = readFileSync(join(__dirname, "Pulumi.README.md"), "utf8");
