// A proxy that goes or is recreated, as a real Pulumi takes it: out of the load balancer, its clients waited for, then its machine.
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../../ops/env";
import { SmallProject } from "./support/small-project";

// As the endpoint makes them (components/aws/endpoint.ts). `resources.json`: the proxies there are, and their zones.
const program = `
const { CustomResource, secret } = require("@pulumi/pulumi");
const { Drain } = require("${checkoutRoot}/components/aws/drain/resource");
// Nobody listens there: a proxy that cannot be asked is not waited for.
const connection = secret({ host: "127.0.0.1", user: "nobody", privateKey: "top-secret", hostKey: "ssh-ed25519 AAAA" });
for (const [proxy, availabilityZone] of require("./resources.json")) {
  const machine = new CustomResource("aws:ec2/instance:Instance", proxy + "-instance", { availabilityZone }, { deleteBeforeReplace: true });
  const drain = new Drain(proxy + "-drain", { connection, incarnation: machine.id, stay: 60 }, { dependsOn: machine });
  new CustomResource("aws:lb/targetGroupAttachment:TargetGroupAttachment", proxy + "-target",
    { targetId: machine.id.apply(() => proxy) }, { dependsOn: drain, deleteBeforeReplace: true });
}
`;

describe("a proxy that goes, by Pulumi", function () {
  this.timeout(240_000);
  const project = new SmallProject("drain", program);
  symlinkSync(join(checkoutRoot, "components"), join(project.cwd, "components"));
  mkdirSync(join(project.cwd, ".pgha"));
  const must = async (...args: string[]) => {
    const { code, stdout, stderr } = await project.pulumi(...args, "--stack", "test");
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  };
  /** Brings the proxies up. @returns what was deleted, in this order */
  const deleted = async (...proxies: [name: string, zone: string][]) => {
    project.resources(proxies);
    const said = await must("up", "--yes", "--skip-preview", "--non-interactive", "--diff=false");
    return [...said.matchAll(/^ *-\S* +\S+ (\S+) delet(?:ed|ed original|ed \()[^]*?$/gm)].map(([, name]) => name);
  };

  before(() => must("stack", "init"));
  after(() => project.remove());

  it("is taken away in that order", async () => {
    assert.deepEqual(await deleted(["haproxy1", "a"], ["haproxy2", "b"]), []);
    assert.deepEqual(await deleted(["haproxy1", "a"]), ["haproxy2-target", "haproxy2-drain", "haproxy2-instance"]);
  });

  it("is replaced in that order, with its place in the load balancer", async () => {
    assert.deepEqual(await deleted(["haproxy1", "c"]), ["haproxy1-target", "haproxy1-drain", "haproxy1-instance"]);
  });

  it("has nothing left to change, and shows nobody how to log in", async () => {
    await must("up", "--yes", "--skip-preview", "--non-interactive", "--expect-no-changes");
    assert.doesNotMatch(await must("stack", "export"), /top-secret/);
  });
});
