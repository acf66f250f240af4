import assert from "node:assert/strict";
import { settingsFromConfig } from "../../../../settings/load";
import { ofType, runAws, type Inputs } from "../../support/run-aws";
import { stackConfig } from "../../support/config";
import { resource } from "../../support/goldens";
import { images } from "../../support/mocks-aws";
import { secretMark, type Run } from "../../support/program";

const kmsKey = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000";

describe("resources on AWS", () => {
  let run: Run;
  /** The same with an image and a key of the user's own. */
  let own: Run;
  const needs = (name: string) => resource(run, name).dependencies.map((urn) => run.resources.get(urn)!.name);
  before(async () => {
    run = await runAws("staging");
    own = await runAws("staging", { image: images.pinned, kmsKey });
  });

  it("bear the cluster's name and the settings' tags, as far as their kind has tags", () => {
    const untagged = /:(Route|RouteTableAssociation|VolumeAttachment|RolePolicy|TargetGroupAttachment|Record)$/;
    for (const { name, type, inputs } of [...run.resources.values()].filter(
      ({ type }) => /^aws:/.test(type) && !untagged.test(type),
    )) {
      const tags = inputs.tags as Record<string, string>;
      assert.equal(tags["pgha:cluster"], "pgha-staging", name);
      assert.equal(tags.environment, "staging", name);
      assert.match(tags.Name!, /^pgha-staging-/, type);
    }
    const { tags } = resource(run, "postgresql2-instance").inputs as { tags: Record<string, string> };
    assert.equal(tags["pgha:role"], "postgresql");
    assert.equal(tags["pgha:node"], "postgresql2");
  });

  it("with a name of their own are deleted before they are replaced: two cannot have it", () => {
    for (const { name, type, inputs, deleteBeforeReplace } of run.resources.values()) {
      const named = inputs.name !== undefined && type.startsWith("aws:") && !type.startsWith("aws:route53");
      if (named) assert.ok(deleteBeforeReplace, name);
    }
    for (const name of ["etcd1-instance", "postgresql1-attachment"]) {
      assert.ok(resource(run, name).deleteBeforeReplace, name);
    }
  });

  describe("machines", () => {
    it("are where the plan says, with no public address", () => {
      for (const [name, zone, address, subnet] of [
        ["etcd1", "us-east-1a", "10.100.0.4", "nodes-us-east-1a"],
        ["postgresql2", "us-east-1b", "10.100.1.12", "nodes-us-east-1b"],
        ["haproxy1", "us-east-1a", "10.100.0.22", "nodes-us-east-1a"],
      ]) {
        const { inputs } = resource(run, `${name}-instance`);
        assert.equal(inputs.availabilityZone, zone);
        assert.equal(inputs.privateIp, address);
        assert.equal(inputs.subnetId, `id-of-pgha-aws-network-${subnet}`);
        assert.equal(inputs.associatePublicIpAddress, false);
      }
      for (const { name, inputs } of ofType(run, "Subnet")) assert.equal(inputs.mapPublicIpOnLaunch, false, name);
    });

    it("ask for tokens at the metadata service, one hop away, and have encrypted gp3 disks", () => {
      const instances = ofType(run, "Instance");
      assert.equal(instances.length, 3 + 3 + 2 + 1);
      for (const { name, inputs } of instances) {
        const metadata = inputs.metadataOptions as Inputs;
        assert.equal(metadata.httpTokens, "required", name);
        assert.equal(metadata.httpPutResponseHopLimit, 1, name);
        const root = inputs.rootBlockDevice as Inputs;
        assert.equal(root.encrypted, true, name);
        assert.equal(root.volumeType, "gp3", name);
        assert.equal(root.deleteOnTermination, true, name);
      }
    });

    it("take image and user data at their making only; the image is the newest official one, or the pinned one", () => {
      for (const { name, inputs, ignoreChanges } of ofType(run, "Instance")) {
        assert.deepEqual(ignoreChanges, ["ami", "userData"], name);
        assert.equal(inputs.ami, images.newest, name);
      }
      for (const { name, inputs } of ofType(own, "Instance")) assert.equal(inputs.ami, images.pinned, name);
    });

    it("boot only once they can read their host key and reach the internet", () => {
      const before = needs("etcd2-instance");
      for (const name of [
        "etcd2-policy",
        "etcd2-host-key",
        "etcd2-profile",
        "pgha-aws-network-private-us-east-1b-default",
        "pgha-aws-network-nodes-us-east-1b-routes",
        "pgha-aws-firewall-etcd-to-0.0.0.0-0-443",
        "pgha-aws-firewall-etcd-from-bastion-22",
      ]) {
        assert.ok(before.includes(name), name);
      }
    });

    it("may read their own SSH host key and nothing else", () => {
      for (const node of ["etcd1", "postgresql3", "haproxy2"]) {
        const { inputs } = resource(run, `${node}-policy`);
        const parameter = `arn:aws:ssm:us-east-1:123456789012:parameter/pgha/pgha-staging/${node}/ssh-host-key`;
        assert.deepEqual(JSON.parse(String(inputs.policy)), {
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "ssm:GetParameter", Resource: parameter }],
        });
        assert.equal(inputs.role, `pgha-staging-${node}`);
        const key = resource(run, `${node}-host-key`).inputs;
        assert.equal(key.type, "SecureString");
        assert.equal(key.value, secretMark);
        assert.ok(
          String(resource(run, `${node}-instance`).inputs.userData).includes(String(key.name)),
          "is told its name",
        );
      }
      assert.equal(ofType(run, "RolePolicy").length, 9);
    });

    it("of a role are spread over hardware; burstable ones pay rather than stall", () => {
      const group = (name: string) => resource(run, `${name}-instance`).inputs.placementGroup;
      assert.equal(group("etcd1"), group("etcd2"));
      assert.notEqual(group("etcd1"), group("haproxy1"));
      assert.equal(resource(run, "pgha-aws-etcd-spread").inputs.strategy, "spread");
      assert.deepEqual(resource(run, "etcd1-instance").inputs.creditSpecification, { cpuCredits: "unlimited" });
      assert.equal(resource(run, "postgresql1-instance").inputs.creditSpecification, undefined);
    });
  });

  describe("data volumes", () => {
    it("are encrypted gp3 of the settings' size, one for each database node, in its zone", () => {
      assert.deepEqual(
        ofType(run, "Volume").map(({ name }) => name),
        ["postgresql1-volume", "postgresql2-volume", "postgresql3-volume"],
      );
      for (const [index, zone] of ["us-east-1a", "us-east-1b", "us-east-1c"].entries()) {
        const { inputs } = resource(run, `postgresql${index + 1}-volume`);
        const { size, iops, throughput, type, encrypted } = inputs;
        assert.deepEqual({ size, iops, throughput }, settingsFromConfig(stackConfig("staging"), "staging").aws!.volume);
        assert.equal(type, "gp3");
        assert.equal(encrypted, true);
        assert.equal(inputs.availabilityZone, zone);
      }
    });

    it("are attached before the node converges, which is told their id", () => {
      assert.ok(needs("postgresql1-converge").includes("postgresql1-attachment"));
      assert.ok(needs("postgresql1-converge").includes("postgresql1-volume"));
      const { inputs, deletedWith } = resource(run, "postgresql1-attachment");
      assert.equal(inputs.stopInstanceBeforeDetaching, true);
      assert.equal(run.resources.get(deletedWith)?.name, "postgresql1-instance");
    });

    it("have the time to go that a machine takes to shut down: both are deleted at once, and AWS has the volume wait", () => {
      for (const { name, deleteTimeout } of ofType(run, "Volume")) assert.equal(deleteTimeout, "20m", name);
    });

    it("are encrypted with the settings' key, as the root disks are", () => {
      for (const { name, inputs } of ofType(own, "Volume")) assert.equal(inputs.kmsKeyId, kmsKey, name);
      for (const { name, inputs } of ofType(own, "Instance"))
        assert.equal((inputs.rootBlockDevice as Inputs).kmsKeyId, kmsKey, name);
    });
  });
});

describe("protection on AWS", () => {
  it("of prod: what holds data cannot be deleted, by Pulumi or in the console, and is kept when Pulumi is made to", async () => {
    const run = await runAws("prod");
    assert.equal(ofType(run, "Volume").length, 3);
    for (const { name, protect, retainOnDelete } of ofType(run, "Volume")) {
      assert.ok(protect && retainOnDelete, name);
    }
    const nodes = ofType(run, "Instance").filter(({ name }) => !name.includes("bastion"));
    for (const { name, protect, inputs } of nodes) assert.ok(protect && inputs.disableApiTermination === true, name);
    const balancer = resource(run, "pgha-aws-endpoint-balancer");
    assert.ok(balancer.protect && balancer.inputs.enableDeletionProtection === true);
  });

  it("of staging: none, it can be destroyed", async () => {
    const run = await runAws("staging");
    for (const { name, protect, retainOnDelete, inputs } of run.resources.values()) {
      assert.ok(!protect && !retainOnDelete, name);
      assert.ok(inputs.disableApiTermination !== true && inputs.enableDeletionProtection !== true, name);
    }
  });
});
