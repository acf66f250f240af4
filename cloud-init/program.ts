import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { File } from "./file";

/** Where the project's own programs are on a machine. */
export const programs = "/usr/local/lib/pgha";

/** The text of one of the project's own programs for machines (`cloud-init/programs/`). */
export const program = (name: string) => readFileSync(join(__dirname, "programs", name), "utf8");

/** A program as a file of its machine. @param mode `0644` for what another program loads. @default 0755 */
export const programFile = (name: string, mode = "0755"): File => ({
  path: `${programs}/${name}`,
  owner: "root:root",
  mode,
  content: program(name),
});
