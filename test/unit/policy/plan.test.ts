import assert from "node:assert/strict";
import { oneAtATime, type PlannedStep } from "../../../policy/one-at-a-time";

const instance = "aws:ec2/instance:Instance";
const volume = "aws:ebs/volume:Volume";
const attachment = "aws:ec2/volumeAttachment:VolumeAttachment";

const inputs = (node: string, more = {}) => ({ tags: { "pgha:node": node }, ...more });

/** A step of a preview, as the CLI writes it. */
function step(op: string, node: string, type = instance, more: { old?: object; new?: object } = {}): PlannedStep {
  const state = (changed = {}) => ({ type, inputs: type === attachment ? changed : inputs(node, changed) });
  return {
    op,
    urn: `urn:pulumi:prod::pgha::pgha:index:PostgresCluster$${type}::pgha-${node}-part`,
    ...(op === "create" ? {} : { oldState: state(more.old) }),
    ...(op === "delete" ? {} : { newState: state(more.new) }),
  };
}

/** A replacement is three steps. */
const replacement = (node: string, type?: string) =>
  ["create-replacement", "replace", "delete-replaced"].map((op) => step(op, node, type));

const judged = (...steps: (PlannedStep | PlannedStep[])[]) => oneAtATime(steps.flat(), "prod");

describe("policy one-at-a-time", () => {
  it("lets one node of each role be replaced", () =>
    assert.deepEqual(judged(replacement("etcd1"), replacement("postgresql2"), replacement("haproxy1")), []));

  it("refuses two nodes of a role, and says which and how", () => {
    const faults = judged(replacement("postgresql3"), replacement("postgresql1"), replacement("etcd1"));
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, /2 nodes of postgresql at once: postgresql1 replaced, postgresql3 replaced\./);
    assert.match(faults[0]!, /npm run up -- --stack prod -- --target '\*\*postgresql1\*\*' --target-dependents$/);
  });

  it("counts each role for itself", () =>
    assert.equal(judged(["etcd1", "etcd2", "haproxy1", "haproxy2"].flatMap((node) => replacement(node))).length, 2));

  it("counts a node's data and its attachment as the node, once", () => {
    assert.deepEqual(judged(replacement("postgresql1"), replacement("postgresql1", volume)), []);
    assert.equal(judged(replacement("postgresql1", volume), replacement("postgresql2", volume)).length, 1);
    assert.equal(judged(replacement("postgresql1", attachment), replacement("postgresql2", attachment)).length, 1);
    assert.equal(judged(replacement("postgresql1"), replacement("postgresql2", attachment)).length, 1);
  });

  it("refuses to stop two nodes: another type of instance", () => {
    const typed = (node: string) =>
      step("update", node, instance, { old: { instanceType: "m7i.large" }, new: { instanceType: "m7i.xlarge" } });
    assert.deepEqual(judged(typed("etcd1")), []);
    assert.match(judged(typed("etcd1"), typed("etcd2"))[0]!, /etcd1 stopped, etcd2 stopped/);
    assert.match(judged(typed("etcd1"), replacement("etcd2"))[0]!, /etcd1 stopped, etcd2 replaced/);
  });

  it("has nothing against updates that stop nobody", () => {
    const tagged = (node: string) =>
      step("update", node, instance, { old: { monitoring: false }, new: { monitoring: true } });
    assert.deepEqual(
      judged(tagged("etcd1"), tagged("etcd2"), step("update", "postgresql1", volume, { new: { size: 200 } })),
      [],
    );
  });

  it("lets a cluster be made, grow, shrink, and get lost machines back", () => {
    const each = (op: string) => ["etcd1", "etcd2", "etcd3"].map((node) => step(op, node));
    assert.deepEqual(judged(each("create")), []);
    assert.deepEqual(judged(each("same"), step("create", "etcd4"), step("create", "etcd5")), []);
    assert.deepEqual(judged(step("delete", "etcd4"), step("delete", "etcd5")), []);
    const lost = (node: string) => [step("create", node), ...replacement(node, attachment)];
    assert.deepEqual(judged(lost("postgresql1"), lost("postgresql2")), []);
  });

  it("refuses what is a replacement under other names, and deletions beside one", () => {
    const renamed = ["etcd1", "etcd2"].flatMap((node) => [step("create", node), step("delete", node)]);
    assert.match(judged(renamed)[0]!, /etcd1 deleted, etcd2 deleted/);
    assert.match(judged(step("delete", "etcd5"), replacement("etcd1"))[0]!, /etcd1 replaced, etcd5 deleted/);
  });

  it("leaves everything else alone: commands, the bastion, groups", () => {
    const command = (node: string) => step("replace", node, "command:remote:Command");
    assert.deepEqual(
      judged(command("etcd1"), command("etcd2"), step("replace", "bastion"), step("replace", "bastion2")),
      [],
    );
    assert.deepEqual(judged(step("replace", "etcd", "aws:ec2/securityGroup:SecurityGroup")), []);
  });
});
