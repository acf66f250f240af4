import assert from "node:assert/strict";
import { join } from "node:path";
import { program } from "../../../ops/cli";
import { run } from "../../../ops/process";
import { afterNode } from "../../../ops/shell";
import { promised } from "../../integration/support/promised";
import { breaks } from "../../integration/support/breaks";
import { suite } from "../../../ops/validate/suite";

const bin = join(__dirname, "../../..", "ops", "pgha.cjs");
const pgha = (...args: string[]) => run(process.execPath, [bin, ...args], { timeout: 20_000 });

describe("the command pgha", function () {
  this.timeout(20_000);

  it("has help with examples and exit codes for every command", () => {
    const commands = program(() => undefined).commands;
    assert.deepEqual(commands.map((command) => command.name()).sort(), [
      "bench",
      "drill",
      "endpoints",
      "env",
      "image",
      "load",
      "logs",
      "migrate",
      "psql",
      "reinit",
      "restart",
      "ssh",
      "status",
      "switchover",
      "tunnel",
      "validate",
    ]);
    for (const command of commands) {
      let text = "";
      command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
      assert.match(text, /--stack <name>/);
      assert.match(text, new RegExp(`Examples:\n {2}pgha ${command.name()}`));
      assert.match(text, /Exit code: 0 .*; 1 .*; 2 /);
    }
  });

  const wrong: [string[], RegExp][] = [
    [["nonsense"], /^pgha: unknown command 'nonsense'/],
    [["status", "--nonsense"], /^pgha: unknown option '--nonsense'/],
    [["status", "--watch", "soon"], /^pgha: .*must be a number from 0\.5/],
    [["drill", "--repeat", "0"], /^pgha: .*must be a whole number from 1/],
    [["bench", "--clients", "16,many"], /^pgha: .*must be a whole number from 1/],
    [["logs"], /^pgha: missing required argument 'node'/],
    [["status", "--stack", "../x y"], /^pgha: '\.\.\/x y' is not a stack name/],
    [["ssh", "etcd1", "--nonsense"], /^pgha: '--nonsense' is not an option of `pgha ssh`; write -- before/],
    [["ssh", "etcd1", "--stack", "../x y", "--", "ls"], /^pgha: '\.\.\/x y' is not a stack name/],
  ];
  for (const [args, message] of wrong) {
    it(`ends with 2 and one message for \`pgha ${args.join(" ")}\``, async () => {
      const { code, stdout, stderr } = await pgha(...args);
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /^\s+at /m);
    });
  }

  it("knows its own options from those of a command for a node", () => {
    const command = ["ls", "-l", "--stack", "x", "--", "y"];
    for (const [args, stack] of [
      [command, "dev"],
      [["--", ...command], "dev"],
      [["--stack", "prod", ...command], "prod"],
      [["--stack=prod", "--", ...command], "prod"],
    ] as const)
      assert.deepEqual(afterNode([...args], "dev"), { stack, command });
    assert.deepEqual(afterNode([], "dev"), { stack: "dev", command: [] });
  });

  it("ends with 0 for --help", async () => {
    assert.equal((await pgha("--help")).code, 0);
  });
});

describe("the validation suite", () => {
  /** Every check, as `group: name`, from mocha itself without running one. */
  async function checks(): Promise<string[]> {
    const { default: Mocha } = await import("mocha");
    const mocha = new Mocha({ dryRun: true });
    mocha.reporter(class {} as never);
    for (const { file } of suite) {
      const path = join(__dirname, "../../../ops/validate/checks", `${file}.ts`);
      delete require.cache[path];
      mocha.addFile(path);
    }
    const found: string[] = [];
    await new Promise<void>((resolve) => {
      mocha.run(() => resolve()).on("pass", (test) => found.push(`${test.parent?.title}: ${test.title}`));
    });
    return found;
  }

  it("has the groups and the number of checks that are promised", async () => {
    const count = new Map<string, number>();
    for (const check of await checks()) {
      const group = check.split(":")[0]!;
      count.set(group, (count.get(group) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries(count), {
      ...promised,
      "configuration files": promised["configuration files"]! + 1,
      security: 2,
      machines: 3,
      "machines in the cloud": 2,
    });
  });

  it("has every check that a break is said to touch", async () => {
    const known = await checks();
    for (const { fails } of breaks) {
      assert.ok(fails.length > 0);
      for (const check of fails) assert.ok(known.includes(check), check);
    }
  });
});

it("pgha loads nothing of Pulumi's, which takes a second of the processor's time", async () => {
  const cli = JSON.stringify(join(__dirname, "../../../ops/cli.ts"));
  const loaded = 'Object.keys(require.cache).filter((file) => file.includes("@pulumi"))';
  const code = `require(${cli}); console.log(${loaded}.length)`;
  const { stdout, stderr } = await run(process.execPath, [
    "--require",
    join(__dirname, "../../../loader.cjs"),
    "-e",
    code,
  ]);
  assert.deepEqual([stdout, stderr], ["0\n", ""]);
});
