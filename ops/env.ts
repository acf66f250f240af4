/** Where the project keeps its tools and state, and the environment in which they find each other. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";

/** The checkout's folder, whatever the current folder is. */
export const checkoutRoot = resolve(__dirname, "..");

/** State and links of this checkout, ignored by git. */
export const stateDir = join(checkoutRoot, ".pgha");

/** Tools as links or wrappers, first on PATH. */
export const binDir = join(stateDir, "bin");

/** A PULUMI_HOME of the checkout's own. It exists only when the stand-in provider plugins are needed. */
export const pulumiHome = join(stateDir, "home");

/** Tools that were downloaded or built, shared by all checkouts. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pgha");
}

/**
 * The environment for Pulumi and everything that calls it.
 *
 * - PATH finds Node.js and the Pulumi CLI that the set-up chose.
 * - PULUMI_HOME is the checkout's own where the stand-in plugins are in use, unless the user has set one.
 * - PULUMI_CONFIG_PASSPHRASE is empty unless the user has set it or PULUMI_CONFIG_PASSPHRASE_FILE.
 * @param base what to add to
 */
export function pulumiEnv(base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const ours = [binDir, join(checkoutRoot, "node_modules", ".bin")];
  const rest = (base.PATH ?? "").split(delimiter).filter((folder) => folder && !ours.includes(folder));
  const env: NodeJS.ProcessEnv = { ...base, PATH: [...ours, ...rest].join(delimiter), PULUMI_SKIP_UPDATE_CHECK: "1" };
  if (!env.PULUMI_HOME && existsSync(pulumiHome)) env.PULUMI_HOME = pulumiHome;
  if (env.PULUMI_CONFIG_PASSPHRASE === undefined && !env.PULUMI_CONFIG_PASSPHRASE_FILE)
    env.PULUMI_CONFIG_PASSPHRASE = "";
  // Node.js keeps the compiled form of what it loads: the program and the plugins start faster from the second run on.
  env.NODE_COMPILE_CACHE ??= join(stateDir, "compile-cache");
  return env;
}
