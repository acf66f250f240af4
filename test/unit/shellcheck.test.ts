import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { convergeCommand, convergeScript } from "../../cloud-init/converge";
import { roles } from "../../settings/roles";
import { plan, planOnAws } from "./support/settings";
import { shellcheck } from "./support/shellcheck";

const root = join(__dirname, "../..");

/** Parts of a whole that is checked as one below. */
const isPart = (path: string) => path.startsWith("cloud-init/converge/");

/** Every shell file of the project, by its name or its first line. */
function shellFiles(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = join(folder, entry.name);
    if (entry.isDirectory())
      return [".git", ".pgha", "node_modules", "golden"].includes(entry.name) ? [] : shellFiles(file);
    if (!entry.isFile()) return [];
    const isShell =
      /\.(sh|bash)$/.test(entry.name) || /^#!.*\b(ba|da)?sh\b/.test(readFileSync(file, "latin1").slice(0, 80));
    return isShell ? [relative(root, file)] : [];
  });
}

describe("shellcheck", () => {
  const files = shellFiles().filter((path) => !isPart(path));

  it("sees the project's scripts", () => assert.ok(files.includes("cloud-init/install.sh"), files.join(" ")));

  for (const file of files) it(file, () => shellcheck([file]));

  for (const made of [plan(), planOnAws()]) {
    for (const role of roles) {
      const name = `of a node of ${role} with ${made.settings.driver}`;
      // With its comments: some are for shellcheck.
      const script = convergeScript(made, made[role][0]!, (text) => text);
      it(`converge script ${name}, whole`, () => shellcheck(["--shell=bash", "-"], script));
    }
    it(`converge command with ${made.settings.driver}`, () =>
      shellcheck(["--shell=sh", "-"], convergeCommand(made.settings.driver)));
  }
});

describe("python", () => {
  const programs = readdirSync(join(root, "cloud-init"), { recursive: true, encoding: "utf8" });
  for (const name of programs.filter((file) => file.endsWith(".py"))) {
    it(`${name} compiles`, () => {
      // In memory: no compiled file is left in the working tree.
      const program = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')";
      const { status, stderr } = spawnSync("python3", ["-W", "error", "-c", program, join(root, "cloud-init", name)], {
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
    });
  }
});
