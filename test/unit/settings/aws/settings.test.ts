import assert from "node:assert/strict";
import { leastAws, onAws, refusal, settingsOnAws } from "../../support/settings";

type Raw = Record<string, unknown>;
/** What is written, the key that must be named, and what its message must say. */
type Case = [what: string, raw: Raw, key: string, says: RegExp];

const around = { stack: "staging", region: "us-east-1" };
const zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB";
const subnets = Object.fromEntries(zones.map((zone) => [zone, "subnet-0123456789abcdefc"]));
/** An existing bastion, in place of the one in the least settings. */
const existing = { allow: undefined, host: "bastion.example.com", user: "ops", hostKey };
/** An existing VPC, with a subnet in each zone. */
const vpc = {
  id: "vpc-0123456789abcdef0",
  nodes: Object.fromEntries(
    zones.map((zone, index) => [zone, { subnet: `subnet-0123456789abcdef${index}`, cidr: `10.100.${index}.0/24` }]),
  ),
};
/** Settings in an existing VPC, with what is given in its section. */
const inVpc = (changes: Raw = {}, aws: Raw = {}) => ({
  aws: { zones, bastion: existing, vpc: { ...vpc, ...changes }, ...aws },
});
/** So many networks that hold none of the others. */
const networks = (count: number) => Array.from({ length: count }, (_, index) => `10.${index}.0.0/16`);
const aws = (section: Raw): Raw => ({ aws: section });
const bastion = (section: Raw): Raw => ({ aws: { zones, bastion: section } });
const type = (name: string): Raw => ({ machines: { haproxy: { type: name } } });

const values: Case[] = [
  ["an unknown key", aws({ region: "us-east-1" }), "aws.region", /is not a setting; known here: zones, image, vpc/],
  ["a zone's letter alone", aws({ zones: ["us-east-1a", "b"] }), "aws.zones.1", /is 'b', .*as us-east-1a/],
  ["a region for a zone", aws({ zones: ["us-east-1a", "us-east-1"] }), "aws.zones.1", /is not an availability zone/],
  ["text for the zones", aws({ zones: "us-east-1a" }), "aws.zones", /must be a list/],
  ["no image id", aws({ image: "debian-13" }), "aws.image", /write an id, ami-0123/],
  ["text for a boolean", aws({ public: "no" }), "aws.public", /must be true or false/],
  [
    "a client without a prefix",
    aws({ clients: ["10.1.2.3"] }),
    "aws.clients.0",
    /not an IPv4 network; .*203.0.113.7\/32/,
  ],
  ["a client with host bits", aws({ clients: ["10.1.2.3/24"] }), "aws.clients.0", /not an IPv4 network/],
  ["a DNS zone of one label", aws({ dns: "internal" }), "aws.dns", /must be a domain name .*pgha.internal/],
  ["a DNS zone in capitals", aws({ dns: "Pgha.Internal" }), "aws.dns", /in lower case/],
  ["an alias for a key", aws({ kmsKey: "alias/pgha" }), "aws.kmsKey", /ARN of a key \(not of an alias\)/],
  ["a volume too small", aws({ volume: { size: 1 } }), "aws.volume.size", /must be 4 or more/],
  ["a volume too large", aws({ volume: { size: 20_000 } }), "aws.volume.size", /must be 16384 or less/],
  ["too few operations", aws({ volume: { iops: 100 } }), "aws.volume.iops", /must be 3000 or more/],
  ["a reserved tag", aws({ tags: { "pgha:cluster": "x" } }), "aws.tags.pgha:cluster", /is not a tag that you can set/],
  ["a tag of Amazon's", aws({ tags: { "aws:x": "x" } }), "aws.tags.aws:x", /begin with aws: or pgha: are taken/],
  [
    "a tag that IAM refuses",
    aws({ tags: { owner: "db (a&b)" } }),
    "aws.tags.owner",
    /letters, digits, spaces and _ \. :/,
  ],
  ["a tag for Amazon", aws({ tags: { owner: "aws:db" } }), "aws.tags.owner", /not beginning with aws:/],
  ["a tag too long", aws({ tags: { owner: "x".repeat(257) } }), "aws.tags.owner", /at most 256/],
  ["a number for a tag", aws({ tags: { team: 5 } }), "aws.tags.team", /must be text/],
  ["no URL", aws({ ssmEndpoint: "ssm" }), "aws.ssmEndpoint", /must be a URL without a path/],
  [
    "a URL that user data has no room for",
    aws({ ssmEndpoint: `https://${"x".repeat(121)}` }),
    "aws.ssmEndpoint",
    /at most 120/,
  ],
  ["no instance type", type("large"), "machines.haproxy.type", /is not an EC2 instance type; write one like m7i.large/],
  ["an id of something else", inVpc({ id: "subnet-0123456789abcdef0" }), "aws.vpc.id", /write an id, vpc-0123/],
  ["an unknown key of a subnet", inVpc({ nodes: { ...vpc.nodes, "us-east-1a": { ...vpc.nodes["us-east-1a"], name: "x" } } }),
    "aws.vpc.nodes.us-east-1a.name", /is not a setting; known here: subnet, cidr$/], // prettier-ignore
  [
    "a subnet by name",
    inVpc({ clients: { ...subnets, "us-east-1a": "private" } }),
    "aws.vpc.clients.us-east-1a",
    /subnet-0123/,
  ],
  ["an AWS host number", inVpc({ firstHost: 3 }), "aws.vpc.firstHost", /must be 4 or more/],
  [
    "a bastion without its user",
    bastion({ ...existing, user: undefined }),
    "aws.bastion.user",
    /is missing; write the user/,
  ],
  [
    "a bastion without its key",
    bastion({ ...existing, hostKey: undefined }),
    "aws.bastion.hostKey",
    /is missing; .*ssh-ed25519/,
  ],
  [
    "a bastion without its host",
    bastion({ ...existing, host: undefined }),
    "aws.bastion.host",
    /is missing; write the exist/,
  ],
  [
    "a private key for the host key",
    bastion({ ...existing, hostKey: "-----BEGIN" }),
    "aws.bastion.hostKey",
    /public SSH/,
  ],
  [
    "two bastions by type",
    bastion({ ...existing, type: "t3.nano" }),
    "aws.bastion.type",
    /names an existing one; remove/,
  ],
  ["two bastions by allow", bastion({ ...existing, allow: [] }), "aws.bastion.allow", /names an existing one; remove/],
];

const invariants: Case[] = [
  ["no section", { aws: undefined }, "aws", /is missing; write at least \{zones: .*bastion/],
  ["no zones", aws({ zones: undefined }), "aws.zones", /names none, .*write three/],
  [
    "one zone only",
    aws({ zones: ["us-east-1a"] }),
    "aws.zones",
    /names one zone only, .*loss of the cluster; write three/,
  ],
  ["five zones", aws({ zones: ["a", "b", "c", "d", "f"].map((letter) => `us-east-1${letter}`) }), "aws.zones",
    /names 5, but four are the most/], // prettier-ignore
  ["a zone of another region", aws({ zones: ["us-east-1a", "eu-west-1a"] }), "aws.zones",
    /names eu-west-1a, which is not in region us-east-1; write zones of us-east-1/], // prettier-ignore
  ["a zone twice", aws({ zones: ["us-east-1a", "us-east-1a"] }), "aws.zones", /names us-east-1a twice/],
  ["a watchdog that resets a leader which waits for etcd", { clock: { ttl: 20, loopWait: 10, retryTimeout: 5 } }, "clock.ttl",
    /of which the watchdog \(5 s\), .* write 21 or more/], // prettier-ignore
  ["a long name", { name: "a-name-of-21-letters-" + "x" }, "name", /leave it 20 characters; .*shorter/],
  [
    "a name that load balancers cannot have",
    { name: "internal-db" },
    "name",
    /begins with 'internal-'.*to another one/,
  ],
  ["a name that security groups cannot have", { name: "sg-db" }, "name", /begins with 'sg-'/],
  ["more clients than a security group has rules for", aws({ zones, clients: networks(17) }), "aws.clients",
    /names 17 networks, which make 68 of the 82 rules of the security group of haproxy, and AWS takes 60; write fewer, wider/], // prettier-ignore
  ["more clients outside than the endpoint has rules for", aws({ zones, public: true, clients: networks(21) }), "aws.clients",
    /names 21 networks, which make 84 of the 84 rules of the security group of endpoint/], // prettier-ignore
  ["a bastion in more networks than there are rules for", inVpc({}, { bastion: { ...existing, from: networks(12) } }),
    "aws.bastion.from", /names 12 networks, which make 72 of the 84 rules of the security group of haproxy/], // prettier-ignore
  ["two lists that are too many together", inVpc({}, { clients: networks(11), bastion: { ...existing, from: networks(16).slice(11) } }),
    "aws.clients", /names 11 networks, which make 44 of the 82 rules/], // prettier-ignore
  [
    "ports of the host",
    { ports: { write: 5500 } },
    "ports",
    /for driver incus only: .*5000, 5001, 6432 and 6433; remove it/,
  ],
  ["no instance type", { machines: { etcd: { type: undefined } } }, "machines.etcd.type", /is missing; write an EC2/],
  ...[
    "a1.large",
    "m7g.large",
    "t4g.small",
    "c6gn.xlarge",
    "im4gn.large",
    "is4gen.large",
    "r8gd.2xlarge",
    "x2gd.large",
  ].map((name): Case => [
    `the Arm type ${name}`,
    type(name),
    "machines.haproxy.type",
    /processors are Arm; write an x86-64/,
  ]),
  ["nobody who may log in", aws({ bastion: { allow: [] } }), "aws.bastion.allow", /is empty, .*write the networks/],
  ["everybody who may log in", aws({ bastion: { allow: ["0.0.0.0/0"] } }), "aws.bastion.allow", /whole internet/],
  ["a bastion seen everywhere", bastion({ ...existing, from: ["0.0.0.0/0"] }), "aws.bastion.from", /whole internet/],
  ["an own bastion in a VPC that is not", inVpc({}, { bastion: { allow: ["10.0.0.0/8"] } }), "aws.bastion.host",
    /is missing; pgha makes no bastion in a VPC that is not its own/], // prettier-ignore
  ["public without clients", aws({ public: true }), "aws.clients", /is missing, but aws.public is true/],
  ["everybody, inside", aws({ clients: ["0.0.0.0/0"] }), "aws.clients", /but the endpoint is internal/],
  ["public in private subnets", inVpc({}, { public: true, clients: ["198.51.100.0/24"] }), "aws.vpc.clients",
    /is missing, but aws.public is true and the machines' subnets are private/], // prettier-ignore
  ["operations that the size cannot have", aws({ volume: { size: 10, iops: 6000 } }), "aws.volume.iops",
    /is 6000, but 10 GiB can have 5000/], // prettier-ignore
  ["throughput that the operations cannot have", aws({ volume: { throughput: 1000 } }), "aws.volume.throughput",
    /is 1000 MiB\/s, but 3000 IOPS can have 750/], // prettier-ignore
  ["a key of another region", aws({ kmsKey: "arn:aws:kms:eu-west-1:123456789012:key/abc" }), "aws.kmsKey",
    /is in eu-west-1; write a key of us-east-1/], // prettier-ignore
  [
    "a network too small for the zones",
    { network: { cidr: "10.100.0.0/24" } },
    "network.cidr",
    /write a \/23 or wider/,
  ],
  ["a network too large for a VPC", { network: { cidr: "10.0.0.0/8" } }, "network.cidr", /write a \/16 to \/23/],
  ["a zone without a subnet", inVpc({ nodes: { ...vpc.nodes, "us-east-1c": undefined } }), "aws.vpc.nodes.us-east-1c",
    /is missing; write the zone's \{subnet: subnet-..., cidr: ...\}/], // prettier-ignore
];

/** Settings as they come from YAML: without what is undefined. */
const written = (raw: Raw) => JSON.parse(JSON.stringify(onAws(raw))) as Raw;

function table(cases: Case[]): void {
  for (const [what, raw, key, says] of cases) {
    it(what, () => {
      const { faults } = refusal(written(raw), around);
      assert.deepEqual([...new Set(faults.map(({ path }) => path))], [key], "exactly this key is named");
      assert.match(faults[0]!.fault, says);
    });
  }
}

describe("settings of a stack on AWS: faults", () => {
  describe("values", () => table(values));
  describe("invariants", () => table(invariants));

  it("a region that is not said anywhere, by its whole key", () => {
    const { message } = refusal(leastAws, { stack: "staging" });
    assert.match(message, /has 1 fault; nothing was changed:\n {2}aws:region is missing; write aws:region: us-east-1 /);
  });

  it("are told all at once, those of other sections, too", () => {
    const raw = onAws({
      aws: { zones: ["us-east-1a"], colour: "red", volume: { size: "big" } },
      nodes: { etcd: 4 },
      ...type("m7g.large"),
    });
    assert.deepEqual(
      refusal(raw, around)
        .faults.map(({ path }) => path)
        .sort(),
      ["aws.colour", "aws.volume.size", "aws.zones", "machines.haproxy.type", "nodes.etcd"],
    );
  });

  it("give no wrong advice on what depends on a key that cannot be read", () => {
    // Taken as one without a VPC, these settings would have too small a network.
    const raw = written({ ...inVpc({ id: "vpc-1" }), network: { cidr: "10.100.0.0/24" } });
    assert.deepEqual(
      refusal(raw, around).faults.map(({ path }) => path),
      ["aws.vpc.id"],
    );
  });
});

describe("settings of a stack on AWS: defaults", () => {
  it("need zones, instance types and who may log in", () => {
    assert.deepEqual(settingsOnAws().aws, {
      zones,
      region: "us-east-1",
      natPerZone: false,
      public: false,
      clients: ["10.100.0.0/20"],
      bastion: { type: "t3.micro", allow: ["203.0.113.0/24"] },
      volume: { size: 100, iops: 3000, throughput: 125 },
      protect: false,
      tags: {},
    });
  });

  it("of an existing VPC and its bastion", () => {
    const { aws: made } = settingsOnAws(inVpc());
    const { host, user } = existing;
    assert.deepEqual(made!.bastion, { host, port: 22, user, hostKey, from: ["10.100.0.0/20"] });
    assert.deepEqual(made!.vpc, { ...vpc, firstHost: 4 });
  });

  it("let a public endpoint be open to everybody, if that is written out", () => {
    assert.deepEqual(settingsOnAws(aws({ public: true, clients: ["0.0.0.0/0"] })).aws!.clients, ["0.0.0.0/0"]);
  });

  it("take x86-64 types, whatever letters they have", () => {
    for (const name of [
      "t3.small",
      "m7i-flex.large",
      "c7i.large",
      "g4dn.xlarge",
      "g6e.xlarge",
      "gr6.4xlarge",
      "i7ie.large",
    ]) {
      assert.equal(settingsOnAws(type(name)).machines.haproxy.type, name);
    }
  });
});
