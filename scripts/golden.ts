/**
 * `npm run golden`: rewrites the golden files of test/golden, the tables of docs/settings.md and docs/costs.md, and the policies of docs.
 * `git diff` then shows what a change does.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../ops/env";
import { withTables } from "../settings/document";
import { writeGoldens } from "../test/unit/support/goldens";
import { withCosts } from "./costs";
import { writeDocuments } from "./rights/files";
import { documented } from "./rights/documented";

/** Pages of docs that have tables, and how each should be. */
const pages = { "settings.md": withTables, "costs.md": withCosts };

/** Writes those that differ. @returns their names */
function writePages(): string[] {
  return Object.entries(pages).flatMap(([name, asItShouldBe]) => {
    const path = join(checkoutRoot, "docs", name);
    const page = readFileSync(path, "utf8");
    const made = asItShouldBe(page);
    if (made === page) return [];
    writeFileSync(path, made);
    return [name];
  });
}

void writeGoldens().then((goldens) => {
  const changed = goldens.map((path) => `test/golden/${path}`);
  const docs = [...writePages(), ...writeDocuments(documented(), join(checkoutRoot, "docs"))];
  changed.push(...docs.map((name) => `docs/${name}`));
  for (const path of changed) console.log(path);
  console.log(changed.length > 0 ? `${changed.length} files changed: see git diff` : "the golden files are up to date");
});
