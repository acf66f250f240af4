import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bash } from "../support/bash";

const source = readFileSync(join(__dirname, "../../../cloud-init/install.sh"), "utf8");

/** A function of the installer. The whole of it changes the machine it runs on. */
function part(name: string): string {
  const found = new RegExp(`^${name}\\(\\) \\{\\n[^]*?^\\}$`, "m").exec(source);
  if (!found) throw new Error(`the installer has no function ${name}`);
  return found[0];
}

/** How the installer meets a first boot's apt, run by real bash with an apt that is a function of the shell. */
describe("the installer", () => {
  /** @param apt what each call of apt-get gives, in turn; the last one for good */
  function install(states: string, apt: number[]) {
    const { code, stdout, stderr } = bash(`set -euo pipefail
      ${["fail", "apt_get", "installed", "apt_install"].map(part).join("\n")}
      codes=(${apt.join(" ")})
      dpkg-query() { ${states ? `printf '${states}'` : "return 1"}; }
      apt-get() { echo "apt-get \${*: -2}" | sed 's/.*60 update/apt-get update/'; local code=\${codes[0]}; [ \${#codes[@]} = 1 ] || codes=("\${codes[@]:1}"); return "$code"; }
      dpkg() { echo "dpkg $*"; }
      sleep() { echo "sleep $1"; }
      apt_install one two
      apt_install one two three
      echo done`);
    return { code, did: stdout.trim().split("\n"), stderr };
  }
  const [update, both, three] = ["apt-get update", "apt-get one two", "apt-get two three"];
  const repair = "dpkg --configure -a";

  it("asks no mirror when everything is in place", () => {
    assert.deepEqual(install("installed\\ninstalled\\n", [1]).did, ["done"]);
  });

  it("asks once for the lists, for as many packages as there are", () => {
    for (const states of ["", "installed\\nconfig-files\\n"])
      assert.deepEqual(install(states, [0]).did, ["sleep 0", update, both, "sleep 0", three, "done"]);
  });

  it("tries again, with fresh lists, when the mirror or the lock is not to be had", () => {
    const { code, did } = install("", [0, 100, 100, 0, 0]);
    const tries = ["sleep 0", update, both, repair, "sleep 5", update, repair, "sleep 15", update, both];
    assert.deepEqual([code, did], [0, [...tries, "sleep 0", three, "done"]]);
  });

  it("gives up in the end, and says on what", () => {
    const { code, did, stderr } = install("", [100]);
    assert.equal(code, 1);
    assert.deepEqual(
      did.filter((line) => line.startsWith("sleep")),
      ["sleep 0", "sleep 5", "sleep 15", "sleep 30", "sleep 60"],
    );
    assert.equal(stderr, "install.sh: apt could not install one two: see above\n");
  });
});
