import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The Debian release of the machines. */
export const imageSuite = "trixie";

const root = resolve(__dirname, "../..");

/** Every file that decides what is in the machine image, relative to the checkout. */
export function imageInputs(): string[] {
  const build = readdirSync(join(root, "scripts/image"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  return ["cloud-init/install.sh", "cloud-init/patroni-requirements.txt", ...build].sort();
}

/**
 * Alias of the machine image in Incus: `pgha-` and 12 hex digits of a hash over the image's input files and the Debian
 * release, so that any change of them asks for a new image and no change asks for none.
 */
export function imageAlias(suite: string = imageSuite): string {
  const hash = createHash("sha256").update(suite);
  for (const path of imageInputs()) {
    hash.update(`\0${path}\0`).update(readFileSync(join(root, path)));
  }
  return `pgha-${hash.digest("hex").slice(0, 12)}`;
}
