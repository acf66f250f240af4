// The policy pack in a real Pulumi: a small program, a provider that makes nothing, state in a folder of its own.
import assert from "node:assert/strict";
import { run } from "../../ops/process";
import { policyFlags } from "../../scripts/policy";
import { checkoutRoot } from "../../ops/env";
import { SmallProject } from "./support/small-project";

const program = `
const { CustomResource } = require("@pulumi/pulumi");
const made = {};
for (const [type, name, props, options] of require("./resources.json")) {
  for (const [key, value] of Object.entries(props)) if (value?.from) props[key] = made[value.from].id;
  made[name] = new CustomResource(type, name, props, options);
}`;

const instance = "aws:ec2/instance:Instance";
const node = (name: string, availabilityZone: string) => [
  instance,
  name,
  {
    availabilityZone,
    instanceType: "m7i.large",
    metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 },
    rootBlockDevice: { encrypted: true },
    associatePublicIpAddress: false,
    tags: { "pgha:role": "etcd", "pgha:node": name },
  },
  { ignoreChanges: ["ami", "userData"] },
];

describe("policy pack in Pulumi", function () {
  this.timeout(120_000);
  const project = new SmallProject("policy", program);

  const pulumi = async (...args: string[]) => {
    const { code, stdout, stderr } = await project.pulumi(...args);
    return { code, said: stdout + stderr };
  };
  const up = (...flags: string[]) => pulumi("up", "--yes", "--stack", "test", ...policyFlags, ...flags);

  before(async () => {
    assert.equal((await pulumi("stack", "init", "test")).code, 0);
    assert.equal((await pulumi("config", "set", "--path", "pgha:aws.public", "true", "--stack", "test")).code, 0);
  });

  after(() => project.remove());

  it("refuses an update before anything is made, and says which rules it breaks", async () => {
    const open = { cidrIpv4: "0.0.0.0/0", ipProtocol: "tcp", fromPort: 22, toPort: 22 };
    project.resources([
      node("etcd1", "a"),
      ["aws:ebs/volume:Volume", "data", { encrypted: false, size: 1 }],
      ["aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ssh", open],
      ["aws:lb/loadBalancer:LoadBalancer", "endpoint", { internal: false }],
      ["aws:ec2/eip:Eip", "address", { instance: { from: "etcd1" } }],
    ]);
    const { code, said } = await up();
    assert.notEqual(code, 0);
    assert.match(said, /\[mandatory\] +disks-encrypted .*data/);
    assert.match(said, /\[mandatory\] +nothing-open-to-the-world .*ssh/);
    assert.match(said, /This opens port 22 to 0\.0\.0\.0\/0/);
    assert.match(said, /\[mandatory\] +no-elastic-address-for-nodes .*address/);
    assert.doesNotMatch(said, /endpoint-internal/, "pgha:aws.public declares it");
    const { said: state } = await pulumi("stack", "export", "--stack", "test");
    assert.deepEqual((JSON.parse(state) as { deployment: { resources?: unknown[] } }).deployment.resources ?? [], []);
  });

  it("lets an update go on, then refuses one that replaces two nodes of a role, but not one", async () => {
    const nodes = (...zones: string[]) => project.resources(zones.map((zone, index) => node(`etcd${index + 1}`, zone)));
    // Through the script that `up` and `preview` use, in a process of its own: it speaks to a terminal.
    const judge = async () => {
      const call = `require("./scripts/policy").judge("test", [], { cwd: ${JSON.stringify(project.cwd)} }).then(process.exit)`;
      const args = ["--require", "./loader.cjs", "-e", call];
      const { code, stdout, stderr } = await run(process.execPath, args, { cwd: checkoutRoot, env: project.env });
      return { code, said: stdout + stderr };
    };
    nodes("a", "b", "c");
    const made = await up("--skip-preview");
    assert.equal(made.code, 0, made.said);

    nodes("a", "x", "y");
    const two = await judge();
    assert.equal(two.code, 1, two.said);
    assert.match(two.said, /one-at-a-time: nothing was changed\. .*etcd2 replaced, etcd3 replaced/);

    nodes("a", "b", "y");
    const one = await judge();
    assert.equal(one.code, 0, one.said);
  });
});
