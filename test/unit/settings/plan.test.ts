import assert from "node:assert/strict";
import fc from "fast-check";
import { allNodes, bridgeName, clientNames, clientPorts, highestHost, makePlan } from "../../../settings/plan";
import { roles } from "../../../settings/roles";
import { addressAt, parseCidr } from "../../../settings/cidr";
import { layout } from "../../../settings/aws/layout";
import { plan, planOnAws, settings } from "../support/settings";

const nodes = fc.record({
  etcd: fc.constantFrom(1, 3, 5, 7),
  postgresql: fc.integer({ min: 2, max: 9 }),
  haproxy: fc.integer({ min: 1, max: 9 }),
});
const topology = (count: unknown) => plan({ nodes: count, pool: { size: 10 } });

describe("plan", () => {
  it("of the defaults", () => {
    assert.deepEqual(
      allNodes(plan()).map(({ name, address }) => `${name} ${address}`),
      [
        "etcd1 10.88.0.11", "etcd2 10.88.0.12", "etcd3 10.88.0.13",
        "postgresql1 10.88.0.21", "postgresql2 10.88.0.22", "postgresql3 10.88.0.23",
        "haproxy1 10.88.0.31", "haproxy2 10.88.0.32",
      ], // prettier-ignore
    );
  });

  it("gives every node a name and an address of its own, within the network", () => {
    fc.assert(
      fc.property(nodes, (count) => {
        const made = topology(count);
        const all = allNodes(made);
        assert.equal(all.length, count.etcd + count.postgresql + count.haproxy);
        assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
        assert.equal(new Set(all.map(({ address }) => address)).size, all.length);
        const hosts = all.map(({ address }) => Number(address.split(".")[3]));
        assert.equal(Math.max(...hosts), highestHost(made.settings));
        assert.ok(Math.min(...hosts) > 1, "the gateway keeps its address");
        for (const role of roles) assert.ok(made[role].every((node) => node.role === role));
      }),
    );
  });

  it("never renames or moves a node when others come or go", () => {
    fc.assert(
      fc.property(nodes, nodes, (before, after) => {
        const later = new Map(allNodes(topology(after)).map((node) => [node.name, node]));
        for (const node of allNodes(topology(before))) {
          const same = later.get(node.name);
          if (same) assert.deepEqual(same, node);
          else assert.ok(Number(/\d+$/.exec(node.name)![0]) > after[node.role], `${node.name} must stay`);
        }
      }),
    );
  });

  it("is the same for the same settings", () => assert.deepEqual(makePlan(settings()), makePlan(settings())));

  it("gives every proxy client ports of its own, the first those of the settings", () => {
    const made = settings({ nodes: { haproxy: 9 }, pool: { size: 10 } });
    assert.deepEqual(clientPorts(made, 0), made.ports);
    const all = Array.from({ length: 9 }, (_, proxy) => Object.values(clientPorts(made, proxy))).flat();
    assert.equal(new Set(all).size, 5 * 9);
  });

  it("names a bridge within the kernel's 15 characters, distinct for distinct clusters", () => {
    assert.equal(bridgeName("pgha-dev"), "pgha-dev");
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,38}[a-z0-9]$/);
    fc.assert(
      fc.property(name, name, (one, other) => {
        assert.ok(bridgeName(one).length <= 15);
        assert.match(bridgeName(one), /^[a-z][a-z0-9-]*$/);
        if (one !== other) assert.notEqual(bridgeName(one), bridgeName(other));
      }),
    );
    assert.notEqual(bridgeName("pgha-integration-1"), bridgeName("pgha-integration-2"));
  });
});

describe("plan on AWS", () => {
  const zones = fc
    .shuffledSubarray(["a", "b", "c", "d"], { minLength: 2 })
    .map((letters) => letters.map((letter) => `us-east-1${letter}`));
  const cidr = fc.constantFrom("10.100.0.0/16", "10.100.0.0/20", "172.16.6.0/23");
  const topologyOnAws = (count: unknown, over: string[], within: string) =>
    planOnAws({ nodes: count, network: { cidr: within }, aws: { zones: over }, pool: { size: 10 } });

  it("of three zones", () => {
    assert.deepEqual(
      allNodes(planOnAws()).map(({ name, address, zone }) => `${name} ${address} ${zone}`),
      [
        "etcd1 10.100.0.4 us-east-1a", "etcd2 10.100.1.4 us-east-1b", "etcd3 10.100.2.4 us-east-1c",
        "postgresql1 10.100.0.12 us-east-1a", "postgresql2 10.100.1.12 us-east-1b", "postgresql3 10.100.2.12 us-east-1c",
        "haproxy1 10.100.0.22 us-east-1a", "haproxy2 10.100.1.22 us-east-1b",
      ], // prettier-ignore
    );
  });

  it("gives every node an address of its own, in its zone's subnet and not one of AWS' own", () => {
    fc.assert(
      fc.property(nodes, zones, cidr, (count, over, within) => {
        const made = topologyOnAws(count, over, within);
        const all = allNodes(made);
        assert.equal(new Set(all.map(({ address }) => address)).size, all.length);
        for (const { zone, address } of all) {
          const subnet = parseCidr(layout(made.settings).nodes[zone!]!.cidr)!;
          const size = 2 ** (32 - subnet.bits);
          const host = Array.from({ length: size }, (_, number) => addressAt(subnet, number)).indexOf(address);
          assert.ok(host >= 4 && host < size - 1, `${address} in ${zone}`);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("spreads every role over the zones as evenly as can be", () => {
    fc.assert(
      fc.property(nodes, zones, (count, over) => {
        const made = topologyOnAws(count, over, "10.100.0.0/20");
        for (const role of roles) {
          const inZone = over.map((zone) => made[role].filter((node) => node.zone === zone).length);
          assert.ok(Math.max(...inZone) - Math.min(...inZone) <= 1, `${role}: ${inZone.join(" ")}`);
        }
      }),
    );
  });

  it("never renames or moves a node when others come or go", () => {
    fc.assert(
      fc.property(nodes, nodes, zones, (before, after, over) => {
        const later = new Map(allNodes(topologyOnAws(after, over, "10.100.0.0/20")).map((node) => [node.name, node]));
        for (const node of allNodes(topologyOnAws(before, over, "10.100.0.0/20"))) {
          assert.deepEqual(later.get(node.name) ?? node, node);
        }
      }),
    );
  });

  it("names db in the cluster's DNS zone, and nothing where there is none", () => {
    assert.deepEqual(clientNames(planOnAws({ aws: { dns: "pgha.internal" } }).settings), ["db.pgha.internal"]);
    assert.deepEqual(clientNames(planOnAws().settings), []);
    assert.deepEqual(clientNames(settings()), []);
  });
});
