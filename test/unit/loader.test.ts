import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { checkoutRoot, stateDir } from "../../ops/env";
import { run } from "../../ops/process";

describe("loader.cjs", () => {
  let folder: string;
  let kept: string;
  const file = (name: string) => join(folder, name);
  const load = (name = "main.ts") => run("node", ["--require", join(checkoutRoot, "loader.cjs"), file(name)], {});

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "pgha-loader-"));
    kept = join(stateDir, "compiled", `${relative(checkoutRoot, file("main.ts")).replaceAll("/", "+")}.js`);
    writeFileSync(file("other.ts"), "export const said: string = 'other';\n");
    writeFileSync(file("main.ts"), "import { said } from './other';\nconsole.log(said as unknown);\n");
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    for (const name of readdirSync(join(stateDir, "compiled")))
      if (name.includes("pgha-loader-")) rmSync(join(stateDir, "compiled", name));
  });

  it("compiles a file when it has changed, and only then", async () => {
    assert.deepEqual(await load(), { code: 0, stdout: "other\n", stderr: "" });
    const { mtimeNs } = statSync(kept, { bigint: true });
    assert.equal((await load()).stdout, "other\n");
    assert.equal(statSync(kept, { bigint: true }).mtimeNs, mtimeNs);
    writeFileSync(file("main.ts"), "console.log('changed' satisfies string);\n");
    assert.equal((await load()).stdout, "changed\n");
    assert.ok(statSync(kept, { bigint: true }).mtimeNs > mtimeNs);
  });

  it("takes a file for the one that is asked for, not data beside it of the same name", async () => {
    writeFileSync(file("other.json"), "{}\n");
    assert.deepEqual(await load(), { code: 0, stdout: "other\n", stderr: "" });
  });

  it("does not take what was cut off for the whole", async () => {
    await load();
    writeFileSync(kept, '"use strict";\n');
    assert.equal((await load()).stdout, "other\n");
  });

  it("leaves nothing behind but the one file", async () => {
    await Promise.all(Array.from({ length: 4 }, () => load()));
    const of = readdirSync(join(stateDir, "compiled")).filter((name) => name.includes("pgha-loader-"));
    assert.equal(of.length, 2, of.join("\n"));
    assert.ok(existsSync(kept));
  });

  it("names the file and the line of what cannot be compiled", async () => {
    writeFileSync(file("main.ts"), "const a = 1;\nconst b = ;\n");
    const { code, stderr } = await load();
    assert.equal(code, 1);
    assert.ok(stderr.includes(`${file("main.ts")}:2:10`), stderr);
  });

  it("has an error say the line of the source", async () => {
    writeFileSync(
      file("main.ts"),
      "interface A {\n  a: 1;\n}\nconst a: A[] = [];\n\nthrow new Error(`${a.length}`);\n",
    );
    const { stderr } = await load();
    assert.ok(stderr.includes(`${file("main.ts")}:6:`), stderr);
  });

  it("loads by import() what import() of Node.js would not find", async () => {
    writeFileSync(file("main.ts"), "void import('./other').then(({ said }) => console.log(said));\n");
    assert.equal((await load()).stdout, "other\n");
  });

  it("loads late what Pulumi's SDK seldom needs, and then all of it", async () => {
    const loaded = '() => Object.keys(require.cache).some((file) => file.includes("/typescript/lib/"))';
    writeFileSync(
      join(folder, "main.js"),
      `const { createRequire } = require("node:module");
       require = createRequire(${JSON.stringify(join(checkoutRoot, "index.ts"))});
       const loaded = ${loaded};
       const ts = require("typescript");
       const before = loaded();
       console.log(before, ts.SyntaxKind.ThisKeyword > 0, loaded());`,
    );
    assert.deepEqual(await load("main.js"), { code: 0, stdout: "false true true\n", stderr: "" });
  });

  it("has Pulumi's SDK map no stack traces", async () => {
    writeFileSync(
      join(folder, "main.js"),
      `const { createRequire } = require("node:module");
       const before = Error.prepareStackTrace;
       createRequire(${JSON.stringify(join(checkoutRoot, "node_modules/@pulumi/pulumi/index.js"))})("source-map-support/register");
       console.log(Error.prepareStackTrace === before);`,
    );
    assert.equal((await load("main.js")).stdout, "true\n");
  });
});
