/** The machine image: built once, known by a hash of its inputs, kept in Incus. */
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Incus } from "../../components/incus/api";
import { imageAlias, imageSuite } from "../../components/incus/image";
import { cacheDir, checkoutRoot } from "../../ops/env";
import { goBuild, goProgram } from "./go";
import { pool } from "./incus-daemon";
import { asRoot } from "../../ops/root";
import { executable, must, mustAsRoot, run, say, type SetupStep } from "./step";
import { etcdRelease } from "./versions";

const programs = ["etcd", "etcdctl", "etcdutl"];

/**
 * A folder with etcd's programs of the pinned version: PGHA_ETCD_DIR, the cache, the checksum-verified release archive, or a
 * build from Go modules, whose checksums Go verifies.
 */
function etcdPrograms(): string {
  const { version, sha256, url } = etcdRelease();
  const folder = join(cacheDir(), `etcd-${version}`);
  const complete = (at: string) => programs.every((name) => executable(join(at, name)));
  if (process.env.PGHA_ETCD_DIR) return process.env.PGHA_ETCD_DIR;
  if (complete(folder)) return folder;
  mkdirSync(cacheDir(), { recursive: true });
  const scratch = mkdtempSync(join(cacheDir(), "etcd-new-"));
  try {
    const archive = join(scratch, "etcd.tar.gz");
    const fetch = ["-fsSL", "--proto", "=https", "--connect-timeout", "10", "--max-time", "300", "-o", archive, url];
    if (run("curl", fetch).ok) {
      // A wrong sum is not a reason to fall back: the user must know of it.
      must(`Checking the SHA-256 sum of ${url}`, "sh", [
        "-c",
        'echo "$1  $2" | sha256sum --check --quiet',
        "sh",
        sha256,
        archive,
      ]);
      must("Unpacking etcd", "tar", ["-xzf", archive, "-C", scratch, "--strip-components=1", "--no-same-owner"]);
      say(`etcd ${version} from its release archive`);
    } else {
      say(`etcd's release archive can't be reached; building etcd ${version} from its Go modules`);
      const modules = { etcd: "server", etcdctl: "etcdctl", etcdutl: "etcdutl" };
      goBuild(goProgram(), {
        module: Object.values(modules).map((module) => `go.etcd.io/etcd/${module}/v3 v${version}`),
        packages: Object.fromEntries(
          Object.entries(modules).map(([name, module]) => [name, `go.etcd.io/etcd/${module}/v3`]),
        ),
        into: scratch,
      });
    }
    const ready = join(scratch, "ready");
    mkdirSync(ready);
    for (const name of programs) copyFileSync(join(scratch, name), join(ready, name));
    rmSync(folder, { recursive: true, force: true });
    renameSync(ready, folder);
    return folder;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Makes Incus unpack the image into the pool now, so that the first `up` need not wait for it. */
function warm(alias: string): void {
  const name = `pgha-warm-${process.pid}`;
  must("Unpacking the image into the storage pool", "incus", [
    "create",
    "--quiet",
    "--no-profiles",
    "--storage",
    pool,
    alias,
    name,
  ]);
  must("Removing the instance that unpacked the image", "incus", ["delete", "--force", name]);
}

/** Removes images of earlier inputs that no instance was made from. */
async function prune(keep: string): Promise<string[]> {
  const incus = new Incus();
  const images = await incus.get<{ fingerprint: string; aliases: { name: string }[] }[]>("/1.0/images?recursion=1");
  const instances = await incus.get<{ config: Record<string, string> }[]>("/1.0/instances?recursion=1");
  const used = new Set(instances.map(({ config }) => config["volatile.base_image"]));
  const old = images.filter(({ fingerprint, aliases }) => {
    const ours = aliases.length > 0 && aliases.every(({ name }) => /^pgha-[0-9a-f]{12}$/.test(name) && name !== keep);
    return ours && !used.has(fingerprint);
  });
  for (const { fingerprint } of old) await incus.run("DELETE", `/1.0/images/${fingerprint}`);
  return old.map(({ aliases }) => aliases[0]!.name);
}

export const machineImage: SetupStep = {
  name: "machine image",
  root: "mmdebstrap",
  check: async () => (await new Incus().find(`/1.0/images/aliases/${imageAlias()}`)) !== undefined,
  async apply() {
    const alias = imageAlias();
    const etcd = etcdPrograms();
    say(`building ${alias} (Debian ${imageSuite} with mmdebstrap; about a minute)`);
    // Below /var/tmp apt's own user can read it, and there is more room than in /tmp.
    const folder = mkdtempSync("/var/tmp/pgha-image-");
    try {
      const build = join(checkoutRoot, "scripts", "image", "build.sh");
      mustAsRoot("Building the machine image", "bash", [build, imageSuite, folder, etcd], { tellEvery: 20 });
      const files = [join(folder, "metadata.tar"), join(folder, "rootfs.tar")];
      must("Importing the machine image", "incus", ["image", "import", "--quiet", ...files, "--alias", alias]);
    } finally {
      run(...asRoot("rm", ["-rf", folder]));
    }
    warm(alias);
    const removed = await prune(alias);
    return `${alias}${removed.length > 0 ? `; removed ${removed.join(", ")}` : ""}`;
  },
};
