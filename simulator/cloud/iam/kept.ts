/** What a rehearsal of `staging` asked of IAM, kept so that a test can put it to the policies without one. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Request } from "./decide";

const file = join(__dirname, "kept.json");

/** Writes them, one a line. */
export const keepRequests = (requests: Request[]): void =>
  writeFileSync(file, `[\n${requests.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`);

export const keptRequests = (): Request[] => JSON.parse(readFileSync(file, "utf8")) as Request[];
