/** The rules about which folder may use which see what breaks them (`npm run floors` holds the project to them). */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checkoutRoot } from "../../ops/env";

describe("floors", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pgha-floors-"));
    symlinkSync(join(checkoutRoot, "node_modules"), join(folder, "node_modules"));
    for (const name of [".dependency-cruiser.mjs", "tsconfig.json"])
      copyFileSync(join(checkoutRoot, name), join(folder, name));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** What is said of a tree of these files. */
  function said(files: Record<string, string>): { status: number | null; text: string } {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const folders = [...new Set(Object.keys(files).map((name) => name.split("/")[0]!))];
    const args = ["--config", ".dependency-cruiser.mjs", ...folders];
    const { status, stdout, stderr } = spawnSync(join(folder, "node_modules/.bin/depcruise"), args, {
      cwd: folder,
      encoding: "utf8",
    });
    return { status, text: stdout + stderr };
  }

  const one = 'export const one = 1;\nexport type One = "one";\n';

  it("let an import go down", () => {
    const { status, text } = said({ "settings/a.ts": one, "ops/b.ts": 'export { one } from "../settings/a";\n' });
    assert.equal(status, 0, text);
  });

  for (const [from, to] of [
    ["settings", "cloud-init"],
    ["cloud-init", "components"],
    ["components", "ops"],
    ["ops", "policy"],
    ["policy", "ops"],
    ["ops", "simulator"],
    ["simulator", "scripts"],
    ["scripts", "test"],
  ] as const) {
    it(`name an import of ${to}/ in ${from}/, of a type alone too`, () => {
      const { status, text } = said({
        [`${to}/b.ts`]: one,
        [`${from}/a.ts`]: 'import type { One } from "../' + to + '/b";\nexport const two: One = "one";\n',
      });
      assert.notEqual(status, 0);
      assert.match(text, new RegExp(`${from}/a\\.ts → ${to}/b\\.ts`));
    });
  }

  it("name a circle, of types alone too", () => {
    const { status, text } = said({
      "ops/a.ts": 'import type { Two } from "./b";\nexport type One = Two;\n',
      "ops/b.ts": 'import type { One } from "./a";\nexport type Two = One[];\n',
    });
    assert.notEqual(status, 0);
    assert.match(text, /no-circle: ops\/a\.ts/);
  });

  it("name Pulumi in what is pure", () => {
    const { status, text } = said({ "settings/a.ts": 'import "@pulumi/pulumi";\n' });
    assert.notEqual(status, 0);
    assert.match(text, /pure-without-pulumi: settings\/a\.ts/);
  });
});
