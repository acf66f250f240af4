import assert from "node:assert/strict";
import { identityOf } from "../../../settings/identity";
import { identityKeys } from "../../../settings/sections/replaces";
import { faultsOf, settings, settingsOnAws } from "../support/settings";

const vpc = {
  id: "vpc-0123456789abcdef0",
  nodes: {
    "us-east-1a": { subnet: "subnet-0aaaaaaaaaaaaaaaa", cidr: "10.100.1.0/24" },
    "us-east-1b": { subnet: "subnet-0bbbbbbbbbbbbbbbb", cidr: "10.100.2.0/24" },
  },
  firstHost: 40,
};
const bastion = { allow: undefined, host: "b.example.com", user: "ops", hostKey: "ssh-ed25519 AAAAC3Nz" };

describe("a cluster's identity", () => {
  it("is what its settings say, defaults among them", () => {
    assert.deepEqual(identityOf(settings()), {
      name: "pgha-dev",
      driver: "incus",
      "network.cidr": "10.88.0.0/24",
      "database.name": "app",
      "database.owner": "app_owner",
      "database.user": "app",
    });
  });

  it("has on AWS what else its machines and their volumes hang on", () => {
    const onAws = identityOf(settingsOnAws());
    assert.deepEqual(Object.keys(onAws), [...identityKeys]);
    assert.equal(onAws["aws.zones"], "us-east-1a us-east-1b us-east-1c");
    assert.deepEqual([onAws["aws.vpc"], onAws["aws.kmsKey"]], ["none", "none"]);
    const kmsKey = "arn:aws:kms:us-east-1:123456789012:key/1234";
    const inside = settingsOnAws({ aws: { zones: ["us-east-1b", "us-east-1a"], vpc, bastion, kmsKey } });
    const { "aws.vpc": where, "aws.kmsKey": key } = identityOf(inside);
    assert.equal(where, "vpc-0123456789abcdef0 subnet-0bbbbbbbbbbbbbbbb subnet-0aaaaaaaaaaaaaaaa 40");
    assert.equal(key, kmsKey);
  });

  it("is not touched by where clients are, nor by counts and sizes", () => {
    const [a, b] = ["subnet-0cccccccccccccccc", "subnet-0dddddddddddddddd"];
    const zones = ["us-east-1a", "us-east-1b"];
    const clients = { "us-east-1a": a, "us-east-1b": b };
    const before = identityOf(settingsOnAws({ aws: { zones, vpc, bastion } }));
    assert.deepEqual(identityOf(settingsOnAws({ aws: { zones, vpc: { ...vpc, clients }, bastion } })), before);
    assert.deepEqual(identityOf(settings({ nodes: { postgresql: 5 }, clock: "classic" })), identityOf(settings()));
  });
});

describe("the setting replaces", () => {
  it("takes old values by the settings' names", () => {
    assert.deepEqual(settings().replaces, {});
    assert.deepEqual(settings({ replaces: { "network.cidr": "10.88.0.0/24" } }).replaces, {
      "network.cidr": "10.88.0.0/24",
    });
  });

  for (const [what, raw, path, says] of [
    [
      "an unknown setting",
      { "nodes.etcd": "3" },
      "replaces.nodes.etcd",
      /is not a setting; known here: name, driver, net/,
    ],
    [
      "a section",
      { network: { cidr: "10.88.0.0/24" } },
      "replaces.network",
      /is not a setting; known here: name, driver/,
    ],
    ["a value that is no text", { "database.name": 5 }, "replaces.database.name", /must be text/],
  ] as const) {
    it(`refuses ${what}`, () => {
      const faults = faultsOf({ replaces: raw });
      assert.deepEqual(
        faults.map((fault) => fault.path),
        [path],
      );
      assert.match(faults[0]!.fault, says);
    });
  }
});
