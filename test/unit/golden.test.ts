import assert from "node:assert/strict";
import { diff } from "node:util";
import { placeholder } from "./support/placeholders";
import { nodeFiles } from "../../cloud-init/node-files";
import { programs } from "../../cloud-init/program";
import { settingsFromConfig } from "../../settings/load";
import { allNodes, makePlan } from "../../settings/plan";
import { lineDiff } from "../../scripts/summary/lines";
import { stackConfig } from "./support/config";
import { goldenStacks, readGoldens, renderGoldens, renderStack, type Goldens } from "./support/goldens";

/** The lines that differ, with two lines around them; "-" as committed, "+" as rendered now. */
const difference = (committed: string, rendered: string) =>
  lineDiff(committed, rendered)
    .join("\n")
    .replace(/^ {2}\.\.\.\n/, "");

describe("golden files", function () {
  // Six runs of the program: seconds, but not on a machine that is busy with machines.
  this.timeout(120_000);
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

  it("cover every file of every node of every stack", () => {
    for (const stack of goldenStacks) {
      const plan = makePlan(settingsFromConfig(stackConfig(stack), stack));
      for (const node of allNodes(plan)) {
        const paths = nodeFiles(plan, node)
          .map(({ path }) => path)
          .filter((path) => !path.startsWith(programs));
        for (const path of [...paths, "/user-data", "/converge"]) {
          const found = [node.name, node.role].filter((folder) => rendered.has(`${stack}/${folder}${path}`));
          assert.equal(found.length, 1, `${path} of ${node.name} in ${stack}: ${found.join(", ")}`);
        }
        assert.match(rendered.get(`${stack}/resources/${node.name}.yaml`) ?? "", /-instance:/);
      }
    }
  });

  it("hold no secret", () => {
    for (const [path, content] of [...committed, ...rendered]) {
      assert.ok(!placeholder.isIn(content), `a secret is in ${path}`);
      assert.doesNotMatch(content, /PRIVATE KEY|SCRAM-SHA-256\$(?!4096:A+==\$A+=:A+=")/, path);
    }
  });

  // What a reviewer reads: a setting of one stack changes a few lines of a few files of that stack.
  const changes: { what: string; stack: string; key: string; value: object; added: Record<string, number> }[] = [
    {
      what: "the pools' size",
      stack: "dev",
      key: "pgha:pool",
      value: { size: 60 },
      // HAProxy's places for PgBouncer, in all and at each node, and so those that are left for others.
      added: {
        ...Object.fromEntries(
          ["haproxy1", "haproxy2"].flatMap((proxy) =>
            ["pgbouncer", "pgbouncer-read", "pgbouncer-read-2"].map((name) => [
              `${proxy}/etc/pgbouncer/${name}.ini`,
              2,
            ]),
          ),
        ),
        "haproxy/etc/haproxy/haproxy.cfg": 7,
      },
    },
    {
      what: "a parameter of PostgreSQL",
      stack: "dev",
      key: "pgha:postgresql",
      value: { parameters: { log_min_duration_statement: "500ms" } },
      added: {
        // A comma, and the parameter.
        "postgresql/etc/patroni/dynamic.json": 2,
        "postgresql1/etc/patroni/patroni.yml": 1,
        "postgresql2/etc/patroni/patroni.yml": 1,
        "postgresql3/etc/patroni/patroni.yml": 1,
      },
    },
    {
      what: "the data volumes' size",
      stack: "prod",
      key: "pgha:aws",
      value: { volume: { size: 600, iops: 6000, throughput: 250 } },
      added: {
        "postgresql1/converge": 1,
        "postgresql2/converge": 1,
        "postgresql3/converge": 1,
        "resources/postgresql1.yaml": 1,
        "resources/postgresql2.yaml": 1,
        "resources/postgresql3.yaml": 1,
      },
    },
  ];
  for (const { what, stack, key, value, added } of changes) {
    it(`show a change of ${what} as a few lines of ${stack}`, async () => {
      const config = stackConfig(stack);
      const section = { ...(JSON.parse(config[key] ?? "{}") as object), ...value };
      const now = await renderStack(stack, { ...config, [key]: JSON.stringify(section) });
      const old = (path: string) => rendered.get(`${stack}/${path}`) ?? "";
      const lines = (path: string) =>
        diff(old(path).split("\n"), now.get(path)!.split("\n")).filter(([operation]) => operation < 0).length;
      const different = [...now.keys()].filter((path) => now.get(path) !== old(path));
      assert.deepEqual(Object.fromEntries(different.map((path) => [path, lines(path)])), added);
    });
  }

  it("show a change as the lines that differ", () => {
    assert.equal(difference("a\nb\nc\nd\ne\nf\ng", "a\nb\nc\nd\ne\nF\ng"), "  d\n  e\n- f\n+ F\n  g");
  });
});
