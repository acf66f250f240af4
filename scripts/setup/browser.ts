/** Chromium, with which a test looks at the report page. Only that test needs it, so it is not a step of the set-up. */
import { install } from "./packages";
import { find, mustAsRoot, run, say, SetupError } from "./step";

/** Ubuntu leaves a script of this name that only says how to install the snap: so every one of them must answer. */
const installed = () =>
  ["chromium", "chromium-browser", "google-chrome"]
    .map((name) => find(name))
    .find((path) => path !== undefined && run(path, ["--version"], { timeout: 30 }).ok);

/** Whether apt's package is the browser itself. Ubuntu's, where it has one, only asks for the snap. */
function packaged(): boolean {
  const { ok, stdout } = run("apt-cache", ["show", "--no-all-versions", "chromium"]);
  return ok && !/^(Pre-)?Depends:.*\bsnapd\b/m.test(stdout);
}

/**
 * Finds Chromium or Chrome, or installs Debian's package of it.
 * @returns its path; undefined, and the reason said, where it can't be had by apt
 */
export function browser(): string | undefined {
  const there = installed();
  if (there) return there;
  try {
    if (!packaged()) mustAsRoot("Refreshing apt's package lists", "apt-get", ["update", "--quiet=2"]);
    if (!packaged()) {
      say(
        "no browser: apt has no package `chromium` of its own here; install Chromium or Chrome to test the report page",
      );
      return undefined;
    }
    say("Chromium ... (needs root: apt-get install)");
    install(["chromium"]);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`no browser: ${error.message}`);
    return undefined;
  }
  return installed();
}
