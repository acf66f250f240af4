/** actionlint, which checks the workflows. Only a test needs it, so it is not a step of the set-up. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "../../ops/env";
import { goBuild, goProgram } from "./go";
import { executable, find, run, say } from "./step";

const version = "1.7.12";

/**
 * Finds actionlint of the version the project is checked with, or builds it from its Go module into the cache.
 * @returns its path
 * @throws SetupError when it can't be built
 */
export function actionlint(): string {
  const folder = join(cacheDir(), `actionlint-${version}`);
  const own = find("actionlint");
  const right = (path: string) =>
    run(path, ["-version"], { timeout: 20 }).stdout.split("\n")[0]?.replace(/^v/, "") === version;
  const there = [join(folder, "actionlint"), ...(own ? [own] : [])].find((path) => executable(path) && right(path));
  if (there) return there;
  say("building actionlint from its Go module, to check the workflows");
  mkdirSync(folder, { recursive: true });
  goBuild(goProgram(), {
    module: `github.com/rhysd/actionlint v${version}`,
    packages: { actionlint: "github.com/rhysd/actionlint/cmd/actionlint" },
    into: folder,
  });
  return join(folder, "actionlint");
}
