// The summary of what a real Pulumi says: a small program, a provider that makes nothing, state in a folder of its own.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../ops/process";
import { checkoutRoot, pulumiEnv } from "../../scripts/env";
import { policyFlags } from "../../scripts/policy";
import { summaryMarkdown } from "../../scripts/summary/markdown";
import { previewOf } from "../../scripts/summary/preview";
import { placeholder } from "../unit/support/placeholders";

const program = `
const { CustomResource, secret } = require("@pulumi/pulumi");
for (const [type, name, props, secrets] of require("./resources.json")) {
  for (const [key, value] of Object.entries(secrets ?? {})) props[key] = secret(value);
  new CustomResource(type, name, props);
}`;

const provider = `#!/bin/sh
cd ${checkoutRoot} && exec node --require tsx/cjs test/unit/support/any-provider.ts "$@"
`;

const project = `
name: summary-test
runtime: { name: nodejs, options: { typescript: false, nodeargs: --import=tsx } }
main: index.js
plugins:
  providers: [{ name: aws, path: provider }]
  analyzers: [{ name: policy-tsx, path: ${join(checkoutRoot, "policy/runtime")} }]
`;

const volume = (name: string, availabilityZone: string, encrypted = true) => [
  "aws:ebs/volume:Volume",
  `${name}-volume`,
  { availabilityZone, encrypted, size: 100 },
];
const parameter = (value: string) => [
  "aws:ssm/parameter:Parameter",
  "etcd1-host-key",
  { type: "SecureString" },
  { value },
];

describe("summary of a preview by Pulumi", function () {
  this.timeout(240_000);
  const cwd = mkdtempSync(join(tmpdir(), "pgha-summary-"));
  const env = { ...pulumiEnv(), PULUMI_BACKEND_URL: `file://${cwd}/state`, PULUMI_CONFIG_PASSPHRASE: "" };
  const mustPulumi = async (...args: string[]) => {
    const { code, stdout, stderr } = await run("pulumi", args, { cwd, env });
    assert.equal(code, 0, stdout + stderr);
  };
  const resources = (list: unknown[]) => writeFileSync(join(cwd, "resources.json"), JSON.stringify(list));
  const preview = async (...flags: string[]) => (await previewOf("test", flags, { cwd, env }))!;

  before(async () => {
    for (const folder of ["state", "provider"]) mkdirSync(join(cwd, folder));
    for (const name of ["node_modules", "policy"]) symlinkSync(join(checkoutRoot, name), join(cwd, name));
    writeFileSync(join(cwd, "Pulumi.yaml"), project);
    writeFileSync(join(cwd, "index.js"), program);
    writeFileSync(join(cwd, "provider", "pulumi-resource-aws"), provider, { mode: 0o755 });
    await mustPulumi("stack", "init", "test");
  });
  after(() => rmSync(cwd, { recursive: true, force: true }));

  it("tells a stack that is not there from a backend that is not", async () => {
    assert.equal(await previewOf("none", [], { cwd, env }), undefined);
    const unreachable = { ...env, PULUMI_BACKEND_URL: `file://${cwd}/none` };
    const { preview: failed } = (await previewOf("test", [], { cwd, env: unreachable }))!;
    assert.equal(failed.ok, false);
    assert.match(failed.problems[0]!.text, /unable to open bucket/);
  });

  it("has what is made, changed, replaced and destroyed, secrets by their names alone", async () => {
    const old = [volume("postgresql1", "a"), volume("postgresql2", "a"), volume("postgresql3", "a")];
    resources([...old, parameter(placeholder.for("old"))]);
    await mustPulumi("up", "--yes", "--skip-preview", "--stack", "test");
    const { preview: same } = await preview();
    assert.deepEqual([same.steps, same.unchanged, same.ok], [[], 4, true]);

    resources([
      volume("postgresql1", "a"),
      volume("postgresql2", "b"),
      volume("postgresql4", "a"),
      parameter(placeholder.for("new")),
    ]);
    const { preview: changed, printed } = await preview();
    assert.deepEqual(changed.steps.map(({ name, operation }) => `${name} ${operation}`).sort(), [
      "etcd1-host-key update",
      "postgresql2-volume replace",
      "postgresql3-volume delete",
      "postgresql4-volume create",
    ]);
    const replaced = changed.steps.find(({ operation }) => operation === "replace")!;
    assert.deepEqual([replaced.differs, replaced.before?.size, replaced.after?.size], [["availabilityZone"], 100, 100]);
    const markdown = summaryMarkdown("test", changed, printed);
    assert.match(markdown, /Data volume `postgresql2-volume` is replaced\*\* \(availabilityZone\)/);
    assert.match(markdown, /Data volume `postgresql3-volume` is destroyed/);
    assert.match(markdown, /\+- ?aws:ebs\/volume:Volume: \(replace\)/, "Pulumi's own diff is there");
    assert.ok(!placeholder.isIn(markdown), markdown);
  });

  it("has what a policy refuses, and what the program says", async () => {
    resources([volume("postgresql1", "a", false)]);
    const { preview: refused } = await preview(...policyFlags);
    assert.equal(refused.ok, false);
    assert.match(refused.problems.map(({ text }) => text).join("\n"), /policy disks-encrypted \(postgresql1-volume\)/);

    writeFileSync(join(cwd, "resources.json"), "no JSON");
    const { preview: broken } = await preview();
    assert.equal(broken.ok, false);
    assert.match(broken.problems.map(({ text }) => text).join("\n"), /resources\.json/);
  });
});
