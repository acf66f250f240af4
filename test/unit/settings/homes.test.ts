import assert from "node:assert/strict";
import { homes } from "../../../settings/homes";
import { reservedConnections, serverConnections } from "../../../settings/limits";
import { plan } from "../support/settings";

describe("homes of reads", () => {
  it("are as many as replicas, each with one of its own whoever leads", () => {
    for (const count of [2, 3, 5, 9]) {
      const made = plan({ nodes: { postgresql: count }, pool: { size: 10 } });
      const all = homes(made);
      assert.equal(new Set(all.map(({ address }) => address)).size, count - 1);
      for (const leader of made.postgresql) {
        const served = all.map(({ nodes }) => nodes.find(({ name }) => name !== leader.name)!.name);
        assert.deepEqual(
          served.sort(),
          made.postgresql.map(({ name }) => name).filter((name) => name !== leader.name),
        );
      }
    }
  });

  it("are where no database node's number changes them when others come", () => {
    const addresses = (count: number) => homes(plan({ nodes: { postgresql: count } })).map(({ address }) => address);
    assert.deepEqual(addresses(3), ["127.0.0.21", "127.0.0.22"]);
    assert.deepEqual(addresses(5).slice(0, 2), addresses(3));
  });

  it("leave room at each replica for those who come without the pool, and for the reserve", () => {
    const { settings } = plan({ nodes: { haproxy: 3 } });
    const { pool, clients } = serverConnections(settings);
    assert.ok(pool === settings.pool.size && clients >= 1);
    assert.ok(3 * (pool + clients) <= settings.postgresql.maxConnections - reservedConnections);
  });
});
