import assert from "node:assert/strict";
import fc from "fast-check";
import { allNodes, bridgeName, clientPorts, highestHost, makePlan, roles } from "../../components/plan";
import { plan, settings } from "./support/settings";

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
    assert.equal(new Set(all).size, 4 * 9);
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
