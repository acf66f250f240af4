/**
 * `npm run golden`: writes the golden files of test/golden and the cost tables of docs/costs.md anew. `git diff` then shows what
 * a change does.
 */
import { writeGoldens } from "../test/unit/support/goldens";
import { writeCosts } from "./costs";

void writeGoldens().then((goldens) => {
  const changed = goldens.map((path) => `test/golden/${path}`);
  if (writeCosts()) changed.push("docs/costs.md");
  for (const path of changed) console.log(path);
  console.log(changed.length > 0 ? `${changed.length} files changed: see git diff` : "the golden files are up to date");
});
