import assert from "node:assert/strict";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { convergeCommand, convergeInput, convergeScript, packed } from "../../../cloud-init/converge";
import { shownFiles } from "../../../cloud-init/drift";
import type { File } from "../../../cloud-init/file";
import { nodeFiles } from "../../../cloud-init/node-files";
import { program } from "../../../cloud-init/program";
import { allNodes, type Node, type Plan } from "../../../settings/plan";
import { bash, temporaryFolder } from "../support/bash";
import { secretFiles } from "../support/nodes";
import { placeholder } from "../support/placeholders";
import { plan, planOnAws } from "../support/settings";
import { withoutScript } from "../support/shell";

const most = { nodes: { etcd: 7, postgresql: 9, haproxy: 9 }, pool: { size: 10 } };
const largest = plan(most);
const largestOnAws = planOnAws(most);
const file = (content: string): File => ({ path: "/etc/x.conf", owner: "root:root", mode: "0644", content });

describe("converge command", () => {
  it("is short, for Pulumi quotes it when it fails, and the same whatever is to be done", () => {
    for (const driver of ["incus", "aws"] as const) assert.ok(convergeCommand(driver).length < 200);
  });

  it("ends an installation and takes up a volume on AWS only, and before anything is changed", () => {
    const steps = (made: Plan, node: Node) => convergeScript(made, node).trimEnd().split("\n").slice(-4);
    for (const node of allNodes(largest)) {
      const text = convergeScript(largest, node);
      assert.doesNotMatch(text, /finish_installation|converge_volume/, node.name);
    }
    assert.deepEqual(steps(largestOnAws, largestOnAws.postgresql[0]!), [
      "finish_installation",
      "converge_volume",
      "converge",
      "end_changes",
    ]);
    assert.deepEqual(steps(largestOnAws, largestOnAws.etcd[0]!).slice(1), [
      "finish_installation",
      "converge",
      "end_changes",
    ]);
  });

  it("changes with the size of the data volume, so that a larger one is taken up", () => {
    const command = (size: number) => {
      const made = planOnAws({ aws: { volume: { size } } });
      return convergeScript(made, made.postgresql[0]!);
    };
    assert.equal(command(200), command(100).replace("VOLUME_GIB='100'", "VOLUME_GIB='200'"));
    assert.notEqual(command(200), command(100));
  });

  it("has no comments, and every line of its parts otherwise", () => {
    const script = convergeScript(largest, largest.postgresql[0]!);
    assert.doesNotMatch(script, /^ *#/m);
    const written = program("converge/postgresql.sh").split("\n");
    assert.ok(written.some((line) => /^ *# \w/.test(line)));
    assert.ok(script.includes(written.filter((line) => line && !/^ *#/.test(line)).join("\n")));
  });

  it("shows no secret: its script has none, nor have the files that previews show", () => {
    for (const node of allNodes(plan())) {
      const shown = convergeScript(plan(), node) + JSON.stringify(shownFiles(nodeFiles(plan(), node)));
      assert.ok(!placeholder.isIn(shown));
      for (const { content } of secretFiles(plan(), node)) assert.ok(!shown.includes(content));
      assert.doesNotMatch(shown, /BEGIN [A-Z ]*PRIVATE KEY|SCRAM-SHA-256\$(?!4096:A+==\$A+=:A+=")/);
    }
  });

  it("gives every rendered file the hash that `pgha validate` will find: each ends with a line end", () => {
    for (const node of allNodes(plan())) {
      for (const { path, content } of nodeFiles(plan(), node)) assert.match(content, /\n$/, path);
    }
  });

  it("puts all assignments into quotes that hold", () => {
    for (const made of [largest, largestOnAws]) {
      for (const node of allNodes(made)) {
        const head = convergeScript(made, node).trimEnd().split("\nset -euo pipefail")[0]!;
        const [variables, reactions] = head.split("\nreactions=(\n");
        for (const line of variables!.split("\n")) assert.match(line, /^[A-Z_]+='[^']*'$/);
        for (const line of reactions!.split("\n")) assert.match(line, /^( {2}'[^']*'|\))$/);
      }
    }
  });
});

describe("converge input", () => {
  const content = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("", "\n", "no line end", "ends\n\n\n", "$(x) `y` ${z} \\ ' \"", "tab\tand space \n", "Grüße ✓\n"),
  );

  it("is each file as it is, after a line with its path, owner, mode and size in bytes", () => {
    fc.assert(
      fc.property(fc.array(content), (contents) => {
        const input = convergeInput({ script: "Grüße\n", files: contents.map(file) }, "sum", "found");
        const staged = contents.map((text) => `/etc/x.conf root:root 0644 ${Buffer.byteLength(text)}\n${text}`);
        assert.equal(withoutScript(input, "Grüße\n"), `${staged.join("")}SUM sum found\n`);
      }),
    );
  });
});

describe("the packed input", () => {
  it("is the same on every machine and at any time, and small", () => {
    const node = largest.postgresql[0]!;
    const files = [...nodeFiles(largest, node), ...secretFiles(largest, node)];
    const input = convergeInput({ script: convergeScript(largest, node), files }, "sum", "found");
    assert.equal(gunzipSync(Buffer.from(packed(input), "base64")).toString(), input);
    assert.ok(packed(input).length < input.length / 2, `${packed(input).length} of ${input.length}`);
    // Of another version of the library, or with the time in it, it would be another one.
    assert.equal(packed("hot standby, hot standby"), "H4sIAAAAAAAAA8vIL1EoLknMS0mq1FFA4gAAgGqh3BgAAAA=");
  });
});

describe("the command and its input, staged by bash", () => {
  const folder = temporaryFolder();

  /** Runs the command with a node's script up to where everything is staged, and gives back what is. */
  function staged(node: Node, files: File[]): Map<string, string> {
    const stage = join(folder(), "stage");
    const [begin] = convergeScript(largest, node).split('\nwait_for 300 "cloud-init');
    const list =
      'for path in "${!owner[@]}"; do printf "%s %s %s %s\\n" "$path" "${owner[$path]}" "${mode[$path]}" "$(base64 -w0 "$stage$path")"; done';
    // In the library's place for it only root may write.
    const script = `mktemp() { mkdir -p "$STAGE" && echo "$STAGE"; }\n${begin}\n${list}\n`;
    const { code, stdout, stderr } = bash(`sudo() { shift; "$@"; }\n${convergeCommand("incus")}`, {
      input: packed(convergeInput({ script, files }, "sum", "found")),
      env: { STAGE: stage },
    });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    return new Map(
      stdout
        .trim()
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
    );
  }

  const asLine = ({ owner, mode, content }: File) => `${owner} ${mode} ${Buffer.from(content).toString("base64")}`;

  for (const node of [largest.etcd[0]!, largest.postgresql[0]!, largest.haproxy[0]!]) {
    it(`arrive on ${node.name} as they were rendered`, () => {
      const files = [...nodeFiles(largest, node), ...secretFiles(largest, node)];
      assert.deepEqual(
        [...staged(node, files)].sort(),
        files.map((one): [string, string] => [one.path, asLine(one)]).sort(),
      );
    });
  }

  it("arrive whatever is in them", () => {
    const contents = [
      "",
      "no line end",
      "two\n\n\n",
      "$(exit 3) `exit 3` ${x:?} \\ ' \" \\\n",
      "EOF\n  END_\n",
      "Grüße ✓\n",
    ];
    const files = contents.map((content, index): File => ({ ...file(content), path: `/etc/x-${index}` }));
    const found = staged(largest.etcd[0]!, files);
    for (const one of files) assert.equal(found.get(one.path), asLine(one));
  });
});
