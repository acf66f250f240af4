import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { convergeCommand, convergeInput } from "../../../cloud-init/converge";
import type { File } from "../../../cloud-init/file";
import { nodeFiles } from "../../../cloud-init/node-files";
import { allNodes, type Node, type Plan } from "../../../settings/plan";
import { bash, temporaryFolder } from "../support/bash";
import { secretFiles } from "../support/nodes";
import { placeholder } from "../support/placeholders";
import { plan, planOnAws } from "../support/settings";
import { innerScript } from "../support/shell";

/** Linux takes no single argument longer than this (MAX_ARG_STRLEN), and sshd hands the command over as one. */
const longestArgument = 131_072;

const most = { nodes: { etcd: 7, postgresql: 9, haproxy: 9 }, pool: { size: 10 } };
const largest = plan(most);
const largestOnAws = planOnAws(most);
const file = (content: string): File => ({ path: "/etc/x.conf", owner: "root:root", mode: "0644", content });

describe("converge command", () => {
  for (const made of [largest, largestOnAws]) {
    for (const node of [made.etcd[6]!, made.postgresql[8]!, made.haproxy[8]!]) {
      it(`of ${node.name} of the largest cluster with ${made.settings.driver} is short enough for one argument`, () => {
        const command = convergeCommand(made, node, nodeFiles(made, node));
        assert.ok(Buffer.byteLength(command) < longestArgument - 8192, `${Buffer.byteLength(command)} bytes`);
      });
    }
  }

  it("ends an installation and takes up a volume on AWS only, and before anything is changed", () => {
    const steps = (made: Plan, node: Node) =>
      innerScript(convergeCommand(made, node, []))
        .split("\n")
        .slice(-4);
    for (const node of allNodes(largest)) {
      const text = convergeCommand(largest, node, []);
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
      return convergeCommand(made, made.postgresql[0]!, []);
    };
    assert.equal(command(200), command(100).replace("VOLUME_GIB='100'", "VOLUME_GIB='200'"));
    assert.notEqual(command(200), command(100));
  });

  it("holds no secret: its files have none, and those on standard input are not in it", () => {
    for (const node of allNodes(plan())) {
      const command = convergeCommand(plan(), node, nodeFiles(plan(), node));
      assert.ok(!placeholder.isIn(command));
      for (const { content } of secretFiles(plan(), node)) assert.ok(!command.includes(content));
      assert.doesNotMatch(command, /BEGIN [A-Z ]*PRIVATE KEY|SCRAM-SHA-256\$(?!4096:A+==\$A+=:A+=")/);
    }
  });

  it("refuses a file that holds an end marker", () => {
    const { etcd } = plan();
    for (const marker of ["END_OF_PGHA_FILE", "END_OF_PGHA_SCRIPT"]) {
      const refused = () => convergeCommand(plan(), etcd[0]!, [file(`one\n${marker}\ntwo\n`)]);
      assert.throws(refused, /\/etc\/x.conf holds an end marker/);
    }
  });

  it("has no end marker in the shell parts it is put together from", () => {
    for (const name of ["common", "cloud", "volume", "etcd", "postgresql", "haproxy"]) {
      const text = readFileSync(join(__dirname, `../../../cloud-init/converge/${name}.sh`), "utf8");
      assert.doesNotMatch(text, /END_OF_PGHA/, name);
    }
  });

  it("is the same for the same settings", () => {
    const command = () => convergeCommand(plan(), plan().haproxy[0]!, nodeFiles(plan(), plan().haproxy[0]!));
    assert.equal(command(), command());
  });

  it("gives every rendered file the hash that `pgha validate` will find: each ends with a line end", () => {
    for (const node of allNodes(plan())) {
      for (const { path, content } of nodeFiles(plan(), node)) assert.match(content, /\n$/, path);
    }
  });

  it("puts all assignments into quotes that hold", () => {
    for (const made of [largest, largestOnAws]) {
      for (const node of allNodes(made)) {
        const head = innerScript(convergeCommand(made, node, [])).split("\n# shellcheck")[0]!;
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

  it("is a line for each file: path, owner, mode and content in base64", () => {
    fc.assert(
      fc.property(fc.array(content), (contents) => {
        const input = convergeInput(contents.map(file), "sum", "found");
        const lines = input.split("\n");
        assert.equal(lines.pop(), "");
        assert.equal(lines.pop(), "SUM sum found");
        const read = lines.map((line) => Buffer.from(line.split(" ")[3]!, "base64").toString());
        assert.deepEqual(
          read,
          contents.map((text) => Buffer.from(text).toString()),
        );
      }),
    );
  });
});

describe("the command and its input, staged by bash", () => {
  const folder = temporaryFolder();

  /** Runs a node's script up to where everything is staged, and gives back what is. */
  function staged(command: string, input: string): Map<string, string> {
    const stage = join(folder(), "stage");
    const [begin] = innerScript(command).split('\nwait_for 300 "cloud-init');
    const list =
      'for path in "${!owner[@]}"; do printf "%s %s %s %s\\n" "$path" "${owner[$path]}" "${mode[$path]}" "$(base64 -w0 "$stage$path")"; done';
    // In the library's place for it only root may write.
    const { code, stdout, stderr } = bash(`mktemp() { mkdir -p "$STAGE" && echo "$STAGE"; }\n${begin}\n${list}`, {
      input,
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
      const plain = nodeFiles(largest, node);
      const secret = secretFiles(largest, node);
      const found = staged(convergeCommand(largest, node, plain), convergeInput(secret, "sum", "found"));
      assert.deepEqual(
        [...found].sort(),
        [...plain, ...secret].map((one): [string, string] => [one.path, asLine(one)]).sort(),
      );
    });
  }

  it("arrive whatever is in them", () => {
    const node = largest.etcd[0]!;
    const contents = [
      "",
      "no line end",
      "two\n\n\n",
      "$(exit 3) `exit 3` ${x:?} \\ ' \" \\\n",
      "EOF\n  END_\n",
      "Grüße ✓\n",
    ];
    const secret = contents.map((content, index): File => ({
      ...file(content),
      path: `/etc/secret ${index}`.replace(" ", "-"),
    }));
    const plain = contents.map((content, index): File => ({ ...file(content), path: `/etc/plain-${index}` }));
    const found = staged(convergeCommand(largest, node, plain), convergeInput(secret, "sum", "found"));
    for (const one of secret) assert.equal(found.get(one.path), asLine(one));
    // A here-document ends with a line end, so a plain file always does.
    for (const one of plain)
      assert.equal(found.get(one.path), asLine({ ...one, content: one.content.replace(/\n?$/, "\n") }));
  });
});
