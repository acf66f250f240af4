import assert from "node:assert/strict";
import { diff } from "node:util";
import { placeholder } from "./support/placeholders";
import { readGoldens, renderGoldens, type Goldens } from "./support/goldens";

/** The lines that differ, with two lines around them; "-" as committed, "+" as rendered now. */
function difference(committed: string, rendered: string): string {
  const lines = diff(committed.split("\n"), rendered.split("\n"));
  const near = (index: number) => lines.slice(Math.max(0, index - 2), index + 3).some(([operation]) => operation !== 0);
  return lines
    .map(([operation, line], index) =>
      near(index) ? `${operation < 0 ? "+" : operation > 0 ? "-" : " "} ${line}` : undefined,
    )
    .filter((line, index, all) => line !== undefined || all[index - 1] !== undefined)
    .map((line) => line ?? "  ...")
    .join("\n");
}

describe("golden files", () => {
  let committed: Goldens;
  let rendered: Goldens;
  before(async () => {
    committed = readGoldens();
    rendered = await renderGoldens();
  });

  it("are what the code gives (if a change is meant: npm run golden, then look at git diff)", () => {
    const paths = [...new Set([...committed.keys(), ...rendered.keys()])].sort();
    const stale = paths.flatMap((path) => {
      const [old, now] = [committed.get(path), rendered.get(path)];
      if (old === now) return [];
      if (old === undefined) return [`test/golden/${path} is missing`];
      if (now === undefined) return [`test/golden/${path} is no longer rendered`];
      return [`test/golden/${path} differs:\n${difference(old, now)}`];
    });
    if (stale.length > 0) {
      assert.fail(`${stale.join("\n\n")}\n\nIf that is meant, run \`npm run golden\` and commit what it changes.`);
    }
  });

  it("cover one node of each role, and every resource", () => {
    for (const name of ["etcd1", "postgresql1", "haproxy1"]) {
      const files = [...rendered.keys()].filter((path) => path.startsWith(`dev/${name}/`));
      assert.ok(files.length >= 4, `${name}: ${files.join(", ")}`);
    }
    assert.ok(rendered.has("dev/resources.json"));
  });

  it("hold no secret", () => {
    for (const [path, content] of [...committed, ...rendered]) {
      assert.ok(!placeholder.isIn(content), `a secret is in ${path}`);
      assert.doesNotMatch(content, /PRIVATE KEY|SCRAM-SHA-256\$/, path);
    }
  });

  it("show a change as the lines that differ", () => {
    assert.equal(difference("a\nb\nc\nd\ne\nf\ng", "a\nb\nc\nd\ne\nF\ng"), "  d\n  e\n- f\n+ F\n  g");
  });
});
