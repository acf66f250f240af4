/** The Pulumi CLI as its makers release it: an archive whose checksum is known here, and nothing that is not that archive. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { must, run, SetupError } from "./step";
import { pulumi } from "./versions";

/** The archive for a processor, as Node.js names it; undefined where there is none that is known. */
export function releaseFor(arch: string): { url: string; sha256: string } | undefined {
  const sha256 = (pulumi.sha256 as Record<string, string>)[arch];
  const name = `pulumi-v${pulumi.version}-linux-${arch}.tar.gz`;
  return sha256
    ? { url: `https://github.com/pulumi/pulumi/releases/download/v${pulumi.version}/${name}`, sha256 }
    : undefined;
}

/**
 * Unpacks an archive, once it is known to be the one that is meant.
 * @returns the folder with the programs in it
 * @throws SetupError when it is another one: that is never passed over
 */
export function unpack(archive: string, sha256: string, into: string): string {
  const found = createHash("sha256").update(readFileSync(archive)).digest("hex");
  if (found !== sha256) {
    throw new SetupError(
      `the archive of Pulumi ${pulumi.version} that came has the SHA-256 ${found}, and its release has ${sha256}: it was not used. ` +
        "Find out what stands between this machine and the release, or put a CLI of yours on PATH.",
    );
  }
  must("Unpacking the Pulumi CLI", "tar", ["-xzf", archive, "-C", into]);
  return join(into, "pulumi");
}

/** @returns the folder with the programs in it; undefined when there is no release for this machine, or it cannot be reached */
export function download(folder: string): string | undefined {
  const release = process.platform === "linux" ? releaseFor(process.arch) : undefined;
  if (!release) return undefined;
  const archive = join(folder, "pulumi.tar.gz");
  const limits = ["--connect-timeout", "10", "--max-time", "600"];
  const { ok } = run("curl", [
    "-fsSL",
    "--proto",
    "=https",
    "--proto-redir",
    "=https",
    ...limits,
    "-o",
    archive,
    release.url,
  ]);
  return ok ? unpack(archive, release.sha256, folder) : undefined;
}
