import assert from "node:assert/strict";
import { homes } from "../../../settings/homes";
import { lookupConnections, reservedConnections, serverConnections } from "../../../settings/limits";
import { plan } from "../support/settings";

describe("homes of reads", () => {
  it("are as many as replicas, each with one of its own whoever leads", () => {
    for (const count of [2, 3, 5, 9]) {
      const made = plan({ nodes: { postgresql: count }, pool: { size: 10 } });
      const all = homes(made);
      assert.equal(new Set(all.map(({ port }) => port)).size, count - 1);
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
    const found = (count: number) => homes(plan({ nodes: { postgresql: count } })).map(({ port }) => port);
    assert.deepEqual(found(3), [5021, 5022]);
    assert.deepEqual(found(5).slice(0, 2), found(3));
  });

  it("leave room at each replica for those who come without the pool, and for the reserve", () => {
    const { settings } = plan({ nodes: { haproxy: 3 } });
    const { pool, write, pooledRead, read } = serverConnections(settings);
    assert.ok(
      pool === settings.pool.size + lookupConnections && pooledRead >= settings.pool.size && write >= 1 && read >= 1,
    );
    assert.ok(
      3 * Math.max(pool + write, pooledRead + read) <= settings.postgresql.maxConnections - reservedConnections,
    );
  });
});
