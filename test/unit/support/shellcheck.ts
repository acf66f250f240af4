import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(__dirname, "..", "..", "..");

/** Fails with what shellcheck has against a script. @param args files, or options and `-` for `script` */
export function shellcheck(args: string[], script?: string): void {
  const { error, status, stdout, stderr } = spawnSync("shellcheck", ["--color=never", "--external-sources", ...args], {
    cwd: root,
    input: script,
    encoding: "utf8",
  });
  if (error)
    assert.fail(`shellcheck is missing: install it (Debian, Ubuntu: sudo apt install shellcheck), ${error.message}`);
  assert.equal(status, 0, `${script ?? ""}\n${stdout}${stderr}`);
}
