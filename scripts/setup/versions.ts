/** Versions of the tools that the set-up brings along. npm packages are pinned in package.json. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../../ops/env";

export const pulumi = {
  /** The CLI this project is tested with, and the least it accepts on PATH (same major version). */
  version: "3.250.0",
  /** Of its release's archives for Linux, by Node.js' name of the processor; as Pulumi's own Homebrew formula has them. */
  sha256: {
    x64: "8916fd36ccc96adbd45ca679194b685e3b767d94502ae05610878a6d9870b8f3",
    arm64: "deb4bf0d05b4cbaf3adcf82ffa44039ad0ebf039e33338ead8136877a437b4e5",
  },
  /** The Node.js language host, when both are built from Go modules: the last line of it that is a Go module. */
  languageHostModule: "v3.68.0",
};

function versionsOf(names: string[]): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(checkoutRoot, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  return Object.fromEntries(names.map((name) => [name, dependencies[`@pulumi/${name}`]!]));
}

/** Provider plugins that every stack needs, by name, at the versions of their npm packages. */
export const pluginVersions = () => versionsOf(["command", "random", "tls"]);

/** Provider plugins that there are stand-ins of. That of AWS, which is large, the real CLI downloads when a stack first needs it. */
export const standInVersions = () => versionsOf(["aws", "command", "random", "tls"]);

/** etcd's version and the checksum of its release archive: install.sh has them, for cloud machines install it alone. */
export function etcdRelease(): { version: string; sha256: string; url: string } {
  const installer = readFileSync(join(checkoutRoot, "cloud-init", "install.sh"), "utf8");
  const value = (name: string) => {
    const found = new RegExp(`^${name}=(\\S+)$`, "m").exec(installer)?.[1];
    if (!found) throw new Error(`cloud-init/install.sh has no line ${name}=...`);
    return found;
  };
  const version = value("ETCD_VERSION");
  return { version, sha256: value("ETCD_SHA256"), url: value("ETCD_URL").replaceAll("$ETCD_VERSION", version) };
}
