import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { File } from "./file";

/** Where the project's own programs are on a machine. */
export const programs = "/usr/local/lib/pgha";

/** The text of one of the project's own programs for machines. @param path below `cloud-init` */
export const program = (path: string) => readFileSync(join(__dirname, path), "utf8");

/** A script in bash or Python without its comments, docstrings and empty lines. */
export const brief = (script: string) =>
  script
    .replace(/^ *"""[^]*?"""\n/gm, "")
    .replace(/^ *#(?!!).*\n/gm, "")
    .replace(/^\n/gm, "");

/**
 * A service's program as a file of its machine.
 * @param path below `cloud-init/services`
 * @param mode `0644` for what another program loads. @default 0755
 */
export const programFile = (path: string, mode = "0755"): File => ({
  path: `${programs}/${basename(path)}`,
  owner: "root:root",
  mode,
  content: program(`services/${path}`),
});
