import assert from "node:assert/strict";
import { judge } from "../../../../components/identity/judge";
import { identityOf, type Identity } from "../../../../settings/identity";
import { identityKeys } from "../../../../settings/sections/replaces";
import { settings, settingsOnAws } from "../../support/settings";

const dev = identityOf(settings());
const staging = identityOf(settingsOnAws());

const reasons = (before: Identity, after: Identity, asked: Identity = {}, guarded = false) =>
  judge({ before, after, asked, guarded }).map(({ reason }) => reason);

/** Staging in an existing VPC. */
const inVpc: Identity = { ...staging, "aws.vpc": "vpc-1 subnet-1 subnet-2 subnet-3 4" };

describe("the judge of a cluster's identity", () => {
  it("has nothing against a cluster that stays what it is", () => assert.deepEqual(reasons(dev, dev), []));

  it("takes a cluster that is not noted yet as it is", () => assert.deepEqual(reasons({}, staging), []));

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
      // On AWS not all can be asked for.
      const before = {
        ...staging,
        ...dev,
        "aws.vpc": "vpc-1 subnet-1 4",
        "aws.zones": "us-east-1a us-east-1b us-east-1c",
      };
      const value = { "aws.vpc": "vpc-1 subnet-2 4", "aws.zones": "us-east-1a us-east-1b" }[key as string] ?? "another";
      const changed = { ...before, [key]: value };
      assert.equal(reasons(before, changed).length, 1);
      assert.match(
        reasons(before, changed)[0]!,
        new RegExp(`^pgha:${key} is changed from ${before[key]} to ${value}: .`),
      );
      assert.deepEqual(reasons(before, changed, { [key]: before[key] }), []);
      assert.equal(reasons(before, changed, { [key]: value }).length, 1, "asked for by another value");
    });
  }

  describe("of what AWS would refuse in the middle", () => {
    for (const [what, before, key, now, says] of [
      [
        "another name",
        staging,
        "name",
        "x",
        /security groups have the name[^]*another stack, or destroy this one first/,
      ],
      ["another network", staging, "network.cidr", "10.99.0.0/20", /network is its own for good[^]*another stack/],
      ["an existing VPC", staging, "aws.vpc", "vpc-1 subnet-1 4", /groups cannot leave a VPC[^]*another stack/],
      ["another VPC", inVpc, "aws.vpc", "vpc-2 subnet-1 subnet-2 subnet-3 4", /groups cannot leave a VPC/],
      ["a zone for another", staging, "aws.zones", "us-east-1a us-east-1b us-east-1d", /a zone's place[^]*at the end/],
      ["the first zone away", staging, "aws.zones", "us-east-1b us-east-1c", /a zone's place/],
    ] as const) {
      it(`refuses ${what}, asked for or not, and does not say that it can be asked for`, () => {
        const after = { ...before, [key]: now };
        for (const asked of [{}, { [key]: before[key] }]) {
          const [reason, ...more] = reasons(before, after, asked);
          assert.deepEqual(more, []);
          assert.match(reason!, says);
          assert.match(reason!, /Nothing was changed\.\n {2}To keep the cluster as it is, /);
          assert.doesNotMatch(reason!, /pgha:replaces/);
        }
      });
    }

    it("lets zones come and go at the end, other subnets of the same VPC be used, and what the VPC has be said", () => {
      const ask = (before: Identity, key: "aws.zones" | "aws.vpc" | "network.cidr", now: string) =>
        reasons(before, { ...before, [key]: now }, { [key]: before[key] });
      assert.deepEqual(ask(staging, "aws.zones", "us-east-1a us-east-1b"), []);
      assert.deepEqual(ask(staging, "aws.zones", "us-east-1a us-east-1b us-east-1c us-east-1d"), []);
      assert.deepEqual(ask(inVpc, "aws.zones", "us-east-1c us-east-1b us-east-1a"), []);
      assert.deepEqual(ask(inVpc, "aws.vpc", "vpc-1 subnet-1 subnet-2 subnet-4 4"), []);
      assert.deepEqual(ask(inVpc, "network.cidr", "10.100.0.0/16"), []);
    });

    it("takes nothing away that is protected, and says how to let it go", () => {
      const fewer = { ...staging, "aws.zones": "us-east-1a us-east-1b" };
      const asked = { "aws.zones": staging["aws.zones"] };
      assert.deepEqual(reasons(staging, fewer, asked), []);
      const [reason] = reasons(staging, fewer, asked, true);
      assert.match(reason!, /is protected\. Nothing was changed[^]*\{protect: false\} first, with an `up` of its own/);
      const more = { ...staging, "aws.zones": `${staging["aws.zones"]} us-east-1d` };
      assert.deepEqual(reasons(staging, more, asked, true), []);
      const renamed = { ...staging, "database.user": "x" };
      assert.deepEqual(reasons(staging, renamed, { "database.user": staging["database.user"] }, true), []);
    });
  });

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
    ["network.cidr", inVpc, "10.99.0.0/20", /clients and an existing bastion would be let in from there alone/],
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
      "us-east-1a us-east-1b",
      /volumes[^]*the load balancer is replaced[^]*write pgha:aws: \{zones: \[us-east-1a, us-east-1b, us-east-1c\]\}\./,
    ],
    [
      "aws.vpc",
      inVpc,
      "vpc-1 subnet-9 4",
      /volumes would stay[^]*firstHost again[^]*\{aws\.vpc: vpc-1 subnet-1 .* 4\}/,
    ],
    ["aws.kmsKey", staging, "arn:x", /every machine and every volume[^]*remove pgha:aws\.kmsKey\./],
  ] as const) {
    it(`says of ${key} ${before[key]} what its change does`, () =>
      assert.match(reasons(before, { ...before, [key]: after })[0]!, says));
  }
});
