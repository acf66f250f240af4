// The summary of what a real Pulumi says: a small program, a provider that makes nothing, state in a folder of its own.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { policyFlags } from "../../scripts/policy";
import { summaryMarkdown } from "../../scripts/summary/markdown";
import { previewOf } from "../../scripts/summary/preview";
import { placeholder } from "../unit/support/placeholders";
import { SmallProject } from "./support/small-project";

const program = `
const { CustomResource, secret } = require("@pulumi/pulumi");
for (const [type, name, props, secrets] of require("./resources.json")) {
  for (const [key, value] of Object.entries(secrets ?? {})) props[key] = secret(value);
  new CustomResource(type, name, props);
}`;

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
  const project = new SmallProject("summary", program);
  const { cwd, env } = project;
  const mustPulumi = async (...args: string[]) => {
    const { code, stdout, stderr } = await project.pulumi(...args);
    assert.equal(code, 0, stdout + stderr);
  };
  const preview = async (...flags: string[]) => (await previewOf("test", flags, { cwd, env }))!;

  before(() => mustPulumi("stack", "init", "test"));
  after(() => project.remove());

  it("tells a stack that is not there from a backend that is not", async () => {
    assert.equal(await previewOf("none", [], { cwd, env }), undefined);
    const unreachable = { ...env, PULUMI_BACKEND_URL: `file://${cwd}/none` };
    const { preview: failed } = (await previewOf("test", [], { cwd, env: unreachable }))!;
    assert.equal(failed.ok, false);
    assert.match(failed.problems[0]!.text, /unable to open bucket/);
  });

  it("has what is made, changed, replaced and destroyed, secrets by their names alone", async () => {
    const old = [volume("postgresql1", "a"), volume("postgresql2", "a"), volume("postgresql3", "a")];
    project.resources([...old, parameter(placeholder.for("old"))]);
    await mustPulumi("up", "--yes", "--skip-preview", "--stack", "test");
    const { preview: same } = await preview();
    assert.deepEqual([same.steps, same.unchanged, same.ok], [[], 4, true]);

    project.resources([
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
    project.resources([volume("postgresql1", "a", false)]);
    const { preview: refused } = await preview(...policyFlags);
    assert.equal(refused.ok, false);
    assert.match(refused.problems.map(({ text }) => text).join("\n"), /policy disks-encrypted \(postgresql1-volume\)/);

    writeFileSync(join(cwd, "resources.json"), "no JSON");
    const { preview: broken } = await preview();
    assert.equal(broken.ok, false);
    assert.match(broken.problems.map(({ text }) => text).join("\n"), /resources\.json/);
  });
});
