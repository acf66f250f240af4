/** The Pulumi CLI with its Node.js language host: the user's own, else the release's, else built from Go modules. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binDir, cacheDir } from "../../ops/env";
import { goProgram, goBuild } from "./go";
import { download } from "./pulumi-release";
import { executable, find, run, say, type SetupStep } from "./step";
import { pulumi } from "./versions";

const wrapper = join(binDir, "pulumi");

/** Whether a CLI of version `found` runs a program made for version `wanted`: same major version, not older. */
export function suits(found: string, wanted: string): boolean {
  const numbers = (version: string) => /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  const [have, want] = [numbers(found), numbers(wanted)];
  if (!have || !want || have[0] !== want[0]) return false;
  return have[1]! > want[1]! || (have[1] === want[1] && have[2]! >= want[2]!);
}

/** Folder of the CLI that this project brought along, for all checkouts. */
const cached = () => join(cacheDir(), `pulumi-${pulumi.version}`);

const complete = (folder: string) =>
  ["pulumi", "pulumi-language-nodejs"].every((name) => executable(join(folder, name)));

/** The user's own CLI, when it is new enough. */
function onPath(): string | undefined {
  const path = find("pulumi", [binDir]);
  if (!path) return undefined;
  const version = run(path, ["version"], { timeout: 20 }).stdout;
  if (suits(version, pulumi.version)) return path;
  say(
    `${path} is version ${version || "unknown"}; this project needs ${pulumi.version} or a newer one of the same major version`,
  );
  return undefined;
}

/** A folder beside the cache that becomes the cache in one step, so that a broken-off try leaves nothing half-made. */
function intoCache(fill: (folder: string) => string | undefined): boolean {
  mkdirSync(cacheDir(), { recursive: true });
  const folder = mkdtempSync(join(cacheDir(), "pulumi-new-"));
  try {
    const from = fill(folder);
    if (!from || !complete(from)) return false;
    rmSync(cached(), { recursive: true, force: true });
    renameSync(from, cached());
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Name of the language host that is built here; `pulumi-language-nodejs` is its launcher. */
const olderHost = "pulumi-language-nodejs-host";

/** What the CLI calls in place of the language host and the provider of dynamic resources, beside a CLI built here. */
function writeLaunchers(bin: string): void {
  const launcher = (name: string, line: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
  // This host is older than the way the CLI hands the runtime options of Pulumi.yaml over: it takes them as flags.
  const nodeArgs = "$(sed -n 's/.*nodeargs: *\\([^ }]*\\).*/\\1/p' Pulumi.yaml)";
  launcher(
    "pulumi-language-nodejs",
    `exec "$(dirname "$0")/${olderHost}" -typescript=false -nodeargs="${nodeArgs}" "$@"`,
  );
  // Part of the npm package, found from the program's folder. The script that comes with it starts Node.js twice.
  const provider = "@pulumi/pulumi/cmd/dynamic-provider";
  launcher(
    "pulumi-resource-pulumi-nodejs",
    `exec node ${nodeArgs} -e 'process.argv.splice(1, 0, "${provider}"); require("${provider}")' -- "$@"`,
  );
}

/** Built from Go modules; about four minutes on two cores the first time. */
function fromGoModules(): boolean {
  const go = goProgram();
  say("building the Pulumi CLI from its Go modules; the first time this takes a few minutes");
  return intoCache((folder) => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const version = `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=${pulumi.version}`;
    goBuild(go, {
      module: `github.com/pulumi/pulumi/pkg/v3 v${pulumi.version}`,
      packages: { pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" },
      ldflags: version,
      into: bin,
    });
    goBuild(go, {
      module: `github.com/pulumi/pulumi/sdk/v3 ${pulumi.languageHostModule}`,
      packages: { [olderHost]: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs" },
      into: bin,
    });
    writeLaunchers(bin);
    return bin;
  });
}

/**
 * Puts `pulumi` in the checkout's folder of tools: a wrapper with the environment of `pulumiEnv`, for whoever calls it
 * from a shell. Language host and dynamic provider are found beside the CLI itself.
 */
function link(cli: string): void {
  mkdirSync(binDir, { recursive: true });
  const text = `#!/bin/sh
# Made by npm run setup.
root=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
export PATH="$root/.pgha/bin:$root/node_modules/.bin:$PATH" PULUMI_SKIP_UPDATE_CHECK=1
[ -z "\${PULUMI_HOME:-}" ] && [ -d "$root/.pgha/home" ] && export PULUMI_HOME="$root/.pgha/home"
[ -z "\${PULUMI_CONFIG_PASSPHRASE+set}\${PULUMI_CONFIG_PASSPHRASE_FILE:-}" ] && export PULUMI_CONFIG_PASSPHRASE=
exec '${cli}' "$@"
`;
  writeFileSync(`${wrapper}.new`, text, { mode: 0o755 });
  renameSync(`${wrapper}.new`, wrapper);
}

/** The CLI that the wrapper runs, if it is still there. */
function linked(): string | undefined {
  if (!existsSync(wrapper)) return undefined;
  const cli = /^exec '(.*)' "\$@"$/m.exec(readFileSync(wrapper, "utf8"))?.[1];
  if (!cli || !executable(cli)) return undefined;
  // The CLI brought along must be of the version wanted now; the user's own was checked when it was chosen.
  return cli.startsWith(cacheDir()) && !cli.startsWith(cached()) ? undefined : cli;
}

export const pulumiCli: SetupStep = {
  name: "Pulumi CLI",
  check: () => linked() !== undefined,
  apply() {
    const own = onPath();
    if (own) {
      link(own);
      return `uses ${own}`;
    }
    const how = complete(cached())
      ? "was in the cache"
      : intoCache(download)
        ? "of Pulumi's release, by checksum"
        : undefined;
    if (!how) {
      say("Pulumi's release can't be reached");
      fromGoModules();
    }
    // Another checkout may have left other launchers in the cache.
    if (executable(join(cached(), olderHost))) writeLaunchers(cached());
    link(join(cached(), "pulumi"));
    return `${pulumi.version} ${how ?? "built from Go modules"}`;
  },
};
