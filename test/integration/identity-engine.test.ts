// A change of a cluster's identity, as a real Pulumi takes it: a small program, a provider that makes nothing.
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../../ops/env";
import { SmallProject } from "./support/small-project";

// As a cluster is made: machines in a component in a component. `resources.json`: the settings, and whether there is an identity.
const program = `
const { ComponentResource, CustomResource } = require("@pulumi/pulumi");
const { Identity } = require("${checkoutRoot}/components/identity/resource");
const { parseSettings } = require("${checkoutRoot}/settings/parse");
const [raw, before] = require("./resources.json");
const settings = parseSettings({ driver: "incus", ...raw }, { stack: "test" });
const identity = before ? [] : [new Identity("pgha-identity", settings)];
const cluster = new ComponentResource("pgha:index:PostgresCluster", "pgha", {}, { dependsOn: identity });
const role = new ComponentResource("pgha:index:Etcd", "pgha-etcd", {}, { parent: cluster });
const inputs = { availabilityZone: settings.network.cidr };
for (const parent of [cluster, role])
  new CustomResource("aws:ec2/instance:Instance", parent.__name + "-instance", inputs, { parent });
`;

describe("a cluster's identity, by Pulumi", function () {
  this.timeout(240_000);
  const project = new SmallProject("identity", program);
  symlinkSync(join(checkoutRoot, "components"), join(project.cwd, "components"));
  const pulumi = async (...args: string[]) => {
    const { code, stdout, stderr } = await project.pulumi(...args, "--non-interactive", "--stack", "test");
    return { code, said: stdout + stderr };
  };
  const up = (...flags: string[]) => pulumi("up", "--yes", "--skip-preview", ...flags);
  const ids = async () => {
    const { deployment } = JSON.parse((await pulumi("stack", "export")).said) as {
      deployment: { resources: { urn: string; type: string; id?: string }[] };
    };
    const machines = deployment.resources.filter(({ type }) => type.startsWith("aws:"));
    return machines.map(({ urn, id }) => [urn, id]).sort();
  };
  const moved = { network: { cidr: "10.99.0.0/24" } };

  before(async () => {
    const { code, stderr } = await project.pulumi("stack", "init", "test");
    assert.equal(code, 0, stderr);
  });
  after(() => project.remove());

  it("is noted beside a cluster that was made without, and changes nothing of it", async () => {
    project.resources([{}, true]);
    assert.equal((await up()).code, 0);
    const made = await ids();
    assert.equal(made.length, 2);
    project.resources([{}]);
    // One machine alone can be taken care of before everything is.
    assert.equal((await up("--target", "**pgha-etcd-instance")).code, 0);
    const { code, said } = await up();
    assert.equal(code, 0, said);
    assert.match(said, /\+ 1 created\n\s+\d+ unchanged\n/);
    assert.deepEqual(await ids(), made);
    assert.equal((await up("--expect-no-changes")).code, 0);
  });

  it("is not changed unasked, and nothing else is then", async () => {
    const made = await ids();
    project.resources([moved]);
    for (const refused of [
      await pulumi("preview"),
      await pulumi("preview", "--refresh"),
      await up(),
      await up("--continue-on-error"),
    ]) {
      assert.notEqual(refused.code, 0);
      assert.match(
        refused.said,
        /has a problem: pgha:network\.cidr is changed from 10\.88\.0\.0\/24 to 10\.99\.0\.0\/24/,
      );
      // Of a resource: Pulumi shows that it is alive by a line of its own, "@ updating....".
      assert.doesNotMatch(refused.said, /^ +[+~-].*(creating|updating|replacing|deleting)/m);
    }
    assert.deepEqual(await ids(), made);
  });

  it("is changed when that is asked for by the old value, once", async () => {
    const made = await ids();
    const asked = { ...moved, replaces: { "network.cidr": "10.88.0.0/24" } };
    project.resources([asked]);
    const { code, said } = await up();
    assert.equal(code, 0, said);
    assert.match(said, /~ 1 updated\n\s+\+-2 replaced/);
    assert.ok((await ids()).every(([, id], index) => id !== made[index]![1]));
    assert.equal((await up("--expect-no-changes")).code, 0);
    project.resources([{ ...asked, network: { cidr: "10.77.0.0/24" } }]);
    assert.notEqual((await up()).code, 0);
    project.resources([moved]);
    assert.equal((await up("--expect-no-changes")).code, 0, "what was asked for may be removed again");
  });

  it("goes last", async () => {
    const { code, said } = await pulumi("destroy", "--yes", "--skip-preview");
    assert.equal(code, 0, said);
    assert.ok(said.lastIndexOf("pgha-identity") > said.lastIndexOf("-instance"));
  });
});
