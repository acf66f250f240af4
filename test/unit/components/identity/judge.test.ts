import assert from "node:assert/strict";
import { judge } from "../../../../components/identity/judge";
import { identityOf, type Identity } from "../../../../settings/identity";
import { identityKeys } from "../../../../settings/sections/replaces";
import { settings, settingsOnAws } from "../../support/settings";

const dev = identityOf(settings());
const staging = identityOf(settingsOnAws());

const reasons = (before: Identity, after: Identity, asked: Identity = {}) =>
  judge(before, after, asked).map(({ reason }) => reason);

describe("the judge of a cluster's identity", () => {
  it("has nothing against a cluster that stays what it is", () => assert.deepEqual(judge(dev, dev, {}), []));

  it("takes a cluster that is not noted yet as it is", () => assert.deepEqual(judge({}, staging, {}), []));

  it("says what would happen, how to put it back, and how to ask for it", () => {
    assert.deepEqual(reasons(dev, { ...dev, "network.cidr": "10.99.0.0/24" }), [
      "pgha:network.cidr is changed from 10.88.0.0/24 to 10.99.0.0/24: every machine would be replaced, all at once, and all data " +
        "would be gone. Nothing was changed.\n" +
        "  To keep the cluster as it is, write pgha:network: {cidr: 10.88.0.0/24}.\n" +
        "  If the change is wanted all the same, ask for it by its old value: pgha:replaces: {network.cidr: 10.88.0.0/24}",
    ]);
  });

  for (const key of identityKeys) {
    it(`refuses a change of ${key}, unless it is asked for by its old value`, () => {
      const changed = { ...staging, [key]: "another" };
      assert.equal(reasons(staging, changed).length, 1);
      assert.match(
        reasons(staging, changed)[0]!,
        new RegExp(`^pgha:${key} is changed from ${staging[key]} to another: .`),
      );
      assert.deepEqual(reasons(staging, changed, { [key]: staging[key] }), []);
      assert.equal(reasons(staging, changed, { [key]: "another" }).length, 1, "asked for by another value");
    });
  }

  it("refuses each of several changes that is not asked for", () => {
    const changed = { ...dev, name: "other", "network.cidr": "10.99.0.0/24", "database.name": "other" };
    const found = reasons(dev, changed, { "network.cidr": "10.88.0.0/24" });
    assert.deepEqual(
      found.map((reason) => reason.split(" ")[0]),
      ["pgha:name", "pgha:database.name"],
    );
  });

  it("does not let what was asked for once hold for the next change", () => {
    const asked = { "network.cidr": "10.88.0.0/24" };
    const moved = { ...dev, "network.cidr": "10.99.0.0/24" };
    assert.deepEqual(reasons(dev, moved, asked), []);
    assert.equal(reasons(moved, { ...dev, "network.cidr": "10.77.0.0/24" }, asked).length, 1);
    assert.equal(reasons(moved, dev, asked).length, 1, "nor for the way back");
  });

  it("asks about what the other driver has, too, and not about what it lacks", () => {
    const keys = (before: Identity, after: Identity) => reasons(before, after).map((reason) => reason.split(" ")[0]);
    const common = { name: "x", "network.cidr": "10.100.0.0/20" };
    assert.deepEqual(keys({ ...dev, ...common }, { ...staging, ...common }), ["pgha:driver"]);
    assert.deepEqual(keys({ ...staging, ...common }, { ...dev, ...common }), ["pgha:driver"]);
  });

  for (const [key, before, after, says] of [
    ["name", dev, "x", /all data would be gone[^]*write pgha:name: pgha-dev\.\n[^]*\{name: pgha-dev\}/],
    ["name", staging, "x", /etcd's data with them; only the database nodes' volumes would stay/],
    ["network.cidr", staging, "10.99.0.0/20", /only the database nodes' volumes would stay/],
    ["driver", dev, "aws", /made anew elsewhere, and all data would be gone/],
    [
      "database.name",
      dev,
      "x",
      /a new, empty database; the old one would stay as it is, but nobody could log in to it/,
    ],
    ["database.owner", dev, "x", /stay the old role's, which could no longer log in/],
    ["database.user", dev, "x", /could no longer log in, nor could the application/],
    [
      "aws.zones",
      staging,
      "us-east-1b us-east-1a",
      /volumes[^]*write pgha:aws: \{zones: \[us-east-1a, us-east-1b, us-east-1c\]\}\./,
    ],
    ["aws.vpc", staging, "vpc-1 subnet-1 4", /volumes would stay[^]*remove pgha:aws\.vpc\.\n[^]*\{aws\.vpc: none\}/],
    [
      "aws.vpc",
      { ...staging, "aws.vpc": "vpc-1 subnet-1 4" },
      "none",
      /subnets and firstHost again[^]*\{aws\.vpc: vpc-1 subnet-1 4\}/,
    ],
    ["aws.kmsKey", staging, "arn:x", /every machine and every volume[^]*remove pgha:aws\.kmsKey\./],
  ] as const) {
    it(`says of ${key} ${before[key]} what its change does`, () =>
      assert.match(reasons(before, { ...before, [key]: after })[0]!, says));
  }
});
