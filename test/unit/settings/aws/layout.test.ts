import assert from "node:assert/strict";
import fc from "fast-check";
import { layout, layoutFaults, nodeAddress, type LayoutSettings } from "../../../../settings/aws/layout";
import { parseCidr, type Cidr } from "../../../../settings/cidr";
import { roles } from "../../../../settings/roles";
import { settingsOnAws } from "../../support/settings";

const zones = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1d"];
const size = ({ bits }: Cidr) => 2 ** (32 - bits);
const holds = (outer: Cidr, base: number) => base >= outer.base && base < outer.base + size(outer);
const number = (address: string) => parseCidr(`${address}/32`)!.base;

/** Settings as they are after parsing, with only what the layout reads. */
function laidOut(cidr: string, aws: Record<string, unknown> = {}): LayoutSettings {
  return { network: { cidr }, aws: { ...settingsOnAws().aws!, zones: zones.slice(0, 3), ...aws } };
}

const vpc = (nodes: Record<string, string>, more = {}) => ({
  id: "vpc-0123456789abcdef0",
  nodes: Object.fromEntries(Object.entries(nodes).map(([zone, cidr]) => [zone, { subnet: "subnet-01234567", cidr }])),
  firstHost: 4,
  ...more,
});

describe("layout on AWS", () => {
  it("of the smallest and a usual network", () => {
    const { nodes, clients, public: open } = layout(laidOut("10.94.0.0/23"));
    assert.deepEqual(nodes, {
      "us-east-1a": { cidr: "10.94.0.0/27" },
      "us-east-1b": { cidr: "10.94.0.32/27" },
      "us-east-1c": { cidr: "10.94.0.64/27" },
    });
    assert.deepEqual(clients["us-east-1a"], { cidr: "10.94.0.128/27" });
    assert.deepEqual(open["us-east-1c"], { cidr: "10.94.1.64/27" });
    assert.deepEqual(layout(laidOut("10.100.0.0/20")).public["us-east-1a"], { cidr: "10.100.8.0/24" });
  });

  it("gives every role numbers of its own, zone after zone", () => {
    const settings = laidOut("10.100.0.0/20");
    const of = (role: (typeof roles)[number], index: number) => nodeAddress(settings, role, index);
    assert.deepEqual(of("etcd", 0), { zone: "us-east-1a", address: "10.100.0.4" });
    assert.deepEqual(of("postgresql", 2), { zone: "us-east-1c", address: "10.100.2.12" });
    assert.deepEqual(of("haproxy", 3), { zone: "us-east-1a", address: "10.100.0.23" });
  });

  it("puts each node into its zone's subnet, at an address of its own that is not AWS's, zones taking turns", () => {
    const cases = fc.record({
      bits: fc.integer({ min: 16, max: 23 }),
      zones: fc.integer({ min: 1, max: 4 }),
      base: fc.integer({ min: 0, max: 127 }),
    });
    fc.assert(
      fc.property(cases, ({ bits, zones: count, base }) => {
        const settings = laidOut(`10.${base}.0.0/${bits}`, { zones: zones.slice(0, count) });
        assert.deepEqual(layoutFaults(settings), []);
        const blocks = layout(settings);
        const whole = parseCidr(settings.network.cidr)!;
        const tiers = [blocks.nodes, blocks.clients, blocks.public];
        const subnets = tiers.flatMap((tier) => Object.values(tier).map(({ cidr }) => parseCidr(cidr)!));
        assert.equal(subnets.length, 3 * count);
        for (const subnet of subnets) {
          assert.ok(holds(whole, subnet.base) && holds(whole, subnet.base + size(subnet) - 1));
          assert.equal(subnets.filter((other) => holds(other, subnet.base)).length, 1, "subnets do not overlap");
        }
        const most = { etcd: 7, postgresql: 9, haproxy: 9 };
        const taken = new Set<string>();
        for (const role of roles) {
          for (let index = 0; index < most[role]; index++) {
            const { zone, address } = nodeAddress(settings, role, index);
            assert.equal(zone, zones[index % count]);
            const subnet = parseCidr(blocks.nodes[zone]!.cidr)!;
            const host = number(address) - subnet.base;
            assert.ok(host >= 4 && host <= size(subnet) - 2, `${address} is one of AWS's`);
            taken.add(address);
          }
        }
        assert.equal(taken.size, 7 + 9 + 9);
      }),
    );
  });

  it("in an existing VPC takes 27 numbers in a row of each subnet, from the first host on", () => {
    const own = { "us-east-1a": "10.1.0.0/24", "us-east-1b": "10.1.1.0/24", "us-east-1c": "10.1.2.0/24" };
    const settings = laidOut("10.1.0.0/16", { vpc: vpc(own, { firstHost: 100 }) });
    assert.deepEqual(layoutFaults(settings), []);
    assert.equal(nodeAddress(settings, "etcd", 0).address, "10.1.0.100");
    assert.equal(nodeAddress(settings, "haproxy", 8).address, "10.1.2.120");
    assert.deepEqual(layout(settings).clients, {}, "known by their ids only");
  });
});

const own = { "us-east-1a": "10.1.0.0/24", "us-east-1b": "10.1.1.0/24", "us-east-1c": "10.1.2.0/24" };
const refusals: [string, LayoutSettings, string, RegExp][] = [
  ["a network too small", laidOut("10.1.0.0/24"), "network.cidr", /is a \/24, too small .*; write a \/23 or wider/],
  ["a network too wide", laidOut("10.0.0.0/8"), "network.cidr", /is a \/8, but a VPC has a \/16 at most/],
  ["a zone twice", laidOut("10.1.0.0/20", { zones: [zones[0], zones[0]] }), "aws.zones", /us-east-1a twice/],
  [
    "a zone without a subnet",
    laidOut("10.1.0.0/16", { vpc: vpc({ "us-east-1a": "10.1.0.0/24", "us-east-1b": "10.1.1.0/24" }) }),
    "aws.vpc.nodes.us-east-1c",
    /is missing; write the zone's \{subnet: subnet-/,
  ],
  [
    "a subnet without a zone",
    laidOut("10.1.0.0/16", { vpc: vpc({ ...own, "us-east-1d": "10.1.3.0/24" }) }),
    "aws.vpc.nodes.us-east-1d",
    /not among aws.zones/,
  ],
  [
    "a zone without a subnet for clients",
    laidOut("10.1.0.0/16", { vpc: vpc(own, { clients: { "us-east-1a": "subnet-1", "us-east-1b": "subnet-2" } }) }),
    "aws.vpc.clients.us-east-1c",
    /is missing; write the zone's subnet-/,
  ],
  [
    "a public block",
    laidOut("10.1.0.0/16", { vpc: vpc({ ...own, "us-east-1c": "8.8.8.0/24" }) }),
    "aws.vpc.nodes.us-east-1c.cidr",
    /is '8.8.8.0\/24', which is not a private network/,
  ],
  [
    "blocks that overlap",
    laidOut("10.1.0.0/16", { vpc: vpc({ ...own, "us-east-1c": "10.1.1.128/25" }) }),
    "aws.vpc.nodes.us-east-1c.cidr",
    /overlaps aws.vpc.nodes.us-east-1b.cidr/,
  ],
  [
    "a block outside the VPC's",
    laidOut("10.1.0.0/16", { vpc: vpc({ ...own, "us-east-1c": "10.2.2.0/24" }) }),
    "network.cidr",
    /does not hold 10.2.2.0\/24, the subnet of us-east-1c; write the block of the existing VPC/,
  ],
  [
    "a subnet too small",
    laidOut("10.1.0.0/16", { vpc: vpc({ ...own, "us-east-1c": "10.1.2.0/28" }) }),
    "aws.vpc.nodes.us-east-1c.cidr",
    /too small: 27 addresses are needed, a \/27 or wider/,
  ],
  [
    "a first host too high",
    laidOut("10.1.0.0/16", { vpc: vpc({ ...own, "us-east-1c": "10.1.2.0/26" }, { firstHost: 40 }) }),
    "aws.vpc.firstHost",
    /leaves less than the 27 addresses needed in 10.1.2.0\/26; write 36 or less/,
  ],
];

describe("layout on AWS refuses", () => {
  for (const [what, settings, path, fault] of refusals) {
    it(what, () => {
      const found = layoutFaults(settings);
      assert.deepEqual(
        found.map((one) => one.path),
        [path],
      );
      assert.match(found[0]!.fault, fault);
    });
  }

  it("a first host one too high, and takes the highest that fits", () => {
    const at = (firstHost: number) =>
      layoutFaults(laidOut("10.1.0.0/16", { vpc: vpc({ ...own, "us-east-1c": "10.1.2.0/26" }, { firstHost }) }));
    assert.equal(at(36).length, 0);
    assert.equal(at(37).length, 1);
  });
});
