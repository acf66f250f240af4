/** `npm run golden`: writes the golden files of test/golden anew. `git diff` then shows what a change does. */
import { writeGoldens } from "../test/unit/support/goldens";

void writeGoldens().then((changed) => {
  for (const path of changed) console.log(`test/golden/${path}`);
  console.log(
    changed.length > 0 ? `${changed.length} golden files changed: see git diff` : "the golden files are up to date",
  );
});
