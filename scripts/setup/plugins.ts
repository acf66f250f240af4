/** Provider plugins: the real ones wherever they can be had, else the stand-ins of simulator/plugins. */
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { binDir, checkoutRoot, pulumiEnv, pulumiHome, stateDir } from "../../ops/env";
import { run, say, SetupError, type SetupStep } from "./step";
import { pluginVersions, standInVersions } from "./versions";

const folderOf = (home: string, name: string, version: string) => join(home, "plugins", `resource-${name}-v${version}`);

/** Where the user's own Pulumi keeps plugins. A set-up called from within `pulumiEnv` sees ours in the variable. */
function userHome(): string {
  const { PULUMI_HOME } = process.env;
  return PULUMI_HOME && PULUMI_HOME !== pulumiHome ? PULUMI_HOME : join(homedir(), ".pulumi");
}

const inHome = (home: string, versions = pluginVersions()) =>
  Object.entries(versions).every(([name, version]) =>
    // existsSync follows links: a link whose stand-in has moved counts as missing.
    existsSync(join(folderOf(home, name, version), `pulumi-resource-${name}`)),
  );

/** Lets the CLI download the real plugins into the user's own Pulumi home; an installed plugin is kept. */
function download(versions = pluginVersions()): boolean {
  const env = { ...pulumiEnv(), PULUMI_HOME: userHome() };
  for (const [name, version] of Object.entries(versions)) {
    const args = ["plugin", "install", "resource", name, version, "--non-interactive"];
    if (!run(join(binDir, "pulumi"), args, { cwd: checkoutRoot, env, timeout: 180 }).ok) return false;
  }
  return inHome(userHome(), versions);
}

/**
 * That of AWS too, which the CLI would else download in the middle of an `up`.
 * @throws SetupError when one cannot be had: a stand-in is of no use to AWS
 */
export function installEveryPlugin(): void {
  if (!download(standInVersions()))
    throw new SetupError("the provider plugins cannot be downloaded here; the CLI says why");
}

/** Where a plugin is for the CLI, in place of what was installed. */
function placeFor(home: string, name: string, version: string): string {
  const folder = folderOf(home, name, version);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return join(folder, `pulumi-resource-${name}`);
}

const logsOf = (home: string) => join(home, "logs");

const standIn = (name: string) => join(checkoutRoot, "simulator", "plugins", "bin", `pulumi-resource-${name}`);

/**
 * Where the CLI would have a folder for what it logs by itself, all properties of all resources at every step, which takes more of the
 * processor than its work. It goes without (pkg/v3/logging of 3.250). A user's own home is left as it is.
 */
function withoutLogs(home: string): void {
  const logs = join(home, "logs");
  rmSync(logs, { recursive: true, force: true });
  writeFileSync(
    logs,
    "While this file is here, Pulumi writes no log of its own. `pulumi -v=9 --logtostderr` is not touched by it.\n",
  );
}

/** A Pulumi home of the checkout's own with links to the stand-ins. On PATH they would make the CLI warn at every use. */
function useStandIns(): void {
  for (const [name, version] of Object.entries(standInVersions())) {
    symlinkSync(standIn(name), placeFor(pulumiHome, name, version));
  }
  withoutLogs(pulumiHome);
}

/**
 * A Pulumi home for rehearsals: AWS is the stand-in, which no real plugin may take the place of, and the others are those in use.
 * @returns its folder
 */
export function rehearsalHome(): string {
  const inUse = standInsInUse() ? pulumiHome : userHome();
  const home = join(stateDir, "rehearsal-home");
  for (const [name, version] of Object.entries(standInVersions())) {
    const program = name === "aws" ? standIn(name) : join(folderOf(inUse, name, version), `pulumi-resource-${name}`);
    symlinkSync(program, placeFor(home, name, version));
  }
  withoutLogs(home);
  return home;
}

const standInsInUse = () => existsSync(pulumiHome) && statSync(pulumiHome).isDirectory();

export const plugins: SetupStep = {
  name: "provider plugins",
  check: () =>
    standInsInUse()
      ? inHome(pulumiHome, standInVersions()) &&
        statSync(logsOf(pulumiHome), { throwIfNoEntry: false })?.isFile() === true &&
        !inHome(userHome())
      : inHome(userHome()),
  apply() {
    rmSync(pulumiHome, { recursive: true, force: true });
    if (inHome(userHome())) return "the real ones are installed";
    if (download()) return "the real ones, downloaded";
    useStandIns();
    say("the real provider plugins can't be downloaded here");
    return `STAND-INS from simulator/plugins for ${Object.keys(standInVersions()).join(", ")}; to try the real ones again, remove .pgha/home`;
  },
};
