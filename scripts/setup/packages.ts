/** The system packages: which are needed, which are missing, and how to get them. */
import { existsSync, writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { distribution } from "./distribution";
import { find, must, mustAsRoot, run, say, SetupError, type SetupStep } from "./step";

/** Where packages of Incus put its daemon; incusd.sh looks in the same places. The client `incus` can be installed alone. */
const daemons = ["/usr/libexec/incus/incusd", "/opt/incus/bin/incusd", "/usr/lib/incus/incusd"];

/** Packages by name, each with a program or files of which one tells that it is installed, however it was installed. */
const needed: Record<string, string | string[]> = {
  incus: daemons,
  "dnsmasq-base": "dnsmasq", // DHCP and DNS of the network that Incus makes
  nftables: "nft",
  "squashfs-tools": "unsquashfs",
  iproute2: "ip",
  "btrfs-progs": "mkfs.btrfs",
  mmdebstrap: "mmdebstrap",
  "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
  "openssh-client": "ssh",
  "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
  curl: "curl",
  jq: "jq",
  openssl: "openssl",
  "postgresql-client": "psql",
  shellcheck: "shellcheck",
};

const present = (witness: string | string[]) =>
  [witness].flat().some((name) => (name.startsWith("/") ? existsSync(name) : find(name) !== undefined));

/** Names of the packages that are not there. */
export const missingPackages = () => Object.keys(needed).filter((name) => !present(needed[name]!));

/** The packages among `names` that apt knows no version of. */
function withoutCandidate(names: string[]): string[] {
  return names.filter(
    (name) => !/^ {2}Candidate: (?!\(none\))/m.test(run("apt-cache", ["policy", name], { env: plain }).stdout),
  );
}
const plain = { ...process.env, LC_ALL: "C" };

/** Debian 12 has Incus, and a Go that is new enough, in its backports only. */
const usesBackports = () => distribution().codename === "bookworm" && distribution().id === "debian";

/** Debian repositories that apt uses, whatever the form of its sources: URI by release. */
function repositories(): Map<string, string> {
  const format = "$(ORIGIN)|$(RELEASE)|$(REPO_URI)";
  const lines = run("apt-get", ["indextargets", "--format", format, "Identifier: Packages"]).stdout.split("\n");
  return new Map(
    lines
      .map((line) => line.split("|"))
      .filter(([origin]) => origin?.startsWith("Debian"))
      .map(([, release, uri]) => [release!, uri!]),
  );
}

const backportsFile = "/etc/apt/sources.list.d/pgha-backports.sources";

/** Adds Debian's backports from the mirror that this machine uses for Debian. apt takes from there only what asks for it. */
function addBackports(): void {
  const known = repositories();
  if (known.has("bookworm-backports")) return;
  const uri = known.get("bookworm");
  if (!uri) throw new SetupError("apt has no Debian 12 repository to take backports from; see /etc/apt/sources.list.d");
  const folder = mkdtempSync(join(tmpdir(), "pgha-"));
  try {
    const file = join(folder, "backports.sources");
    const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    writeFileSync(
      file,
      `Types: deb\nURIs: ${uri}\nSuites: bookworm-backports\nComponents: main\nSigned-By: ${keyring}\n`,
    );
    mustAsRoot("Adding Debian's backports", "install", ["-m", "644", file, backportsFile]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  say(`added ${backportsFile}`);
}

/** What stands in the way of installing what is missing; changes nothing but apt's lists. */
export function packageFaults(): string[] {
  const missing = missingPackages();
  if (missing.length === 0) return [];
  const { id, name } = distribution();
  if (id !== "debian" && id !== "ubuntu") {
    return [`this is ${name}, neither Debian nor Ubuntu: install what those call ${missing.join(", ")} yourself`];
  }
  // On a fresh machine apt may have no lists at all yet.
  let unknown = withoutCandidate(missing);
  if (unknown.length > 0) {
    refreshLists();
    unknown = withoutCandidate(unknown);
  }
  if (usesBackports()) unknown = unknown.filter((name) => name !== "incus");
  const advice =
    "this distribution is too old (Debian 12, Ubuntu 24.04 or newer have it) or apt's sources lack a component (universe on Ubuntu)";
  return unknown.map((name) => `apt knows no package ${name}: ${advice}`);
}

function refreshLists(): void {
  mustAsRoot("Refreshing apt's package lists", "apt-get", ["update", "--quiet=2"]);
}

/** Installs packages, from backports where the distribution's own are too old. */
export function install(names: string[], options: { backports?: boolean } = {}): void {
  if (options.backports && usesBackports()) {
    addBackports();
    refreshLists();
  }
  const release = options.backports && usesBackports() ? ["--target-release", "bookworm-backports"] : [];
  mustAsRoot(`Installing ${names.join(", ")}`, "env", [
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "install",
    "--yes",
    "--quiet=2",
    "--no-install-recommends",
    "-o=DPkg::Lock::Timeout=120",
    ...release,
    ...names,
  ]);
}

export const packages: SetupStep = {
  name: "system packages",
  root: "apt-get install",
  check: () => missingPackages().length === 0,
  apply() {
    const missing = missingPackages();
    refreshLists();
    if (missing.includes("incus")) install(["incus"], { backports: true });
    const rest = missing.filter((name) => name !== "incus");
    if (rest.length > 0) install(rest);
    const still = missingPackages();
    if (still.length > 0)
      throw new SetupError(`apt installed ${still.join(", ")}, but what is needed of it is missing`);
    return `installed ${missing.join(", ")}`;
  },
};

/** Fetches one package and unpacks it into a folder, without installing it. */
export function unpack(name: string, into: string): void {
  const folder = mkdtempSync(join(tmpdir(), "pgha-"));
  try {
    must(`Downloading ${name}`, "apt-get", ["download", "--quiet=2", name], { cwd: folder });
    must(`Unpacking ${name}`, "sh", ["-c", 'dpkg-deb --extract "$1"/*.deb "$2"', "sh", folder, into]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
