import assert from "node:assert/strict";
import fc from "fast-check";
import { memoryParameters } from "../../../../../cloud-init/services/patroni/memory";
import { settings } from "../../../support/settings";

const megabytes = (text: string | undefined) => {
  assert.match(text ?? "", /^[1-9]\d*MB$/);
  return Number.parseInt(text!, 10);
};

describe("memory parameters", () => {
  it("of the default machine", () => {
    const { machines, postgresql } = settings();
    assert.deepEqual(memoryParameters(machines.postgresql.memory, postgresql.maxConnections), {
      shared_buffers: "256MB",
      effective_cache_size: "768MB",
      work_mem: "1MB",
      maintenance_work_mem: "64MB",
    });
  });

  it("stay within the machine whatever its size, with every connection sorting and one maintaining", () => {
    const sizes = fc.integer({ min: 512, max: 1_048_576 }).chain((memory) =>
      // The most connections the settings allow for this memory (settings/invariants.ts).
      fc.tuple(fc.constant(memory), fc.integer({ min: 20, max: Math.min(10_000, Math.floor((memory * 0.6) / 2)) })),
    );
    fc.assert(
      fc.property(sizes, ([memory, connections]) => {
        const parameters = memoryParameters(memory, connections);
        const shared = megabytes(parameters.shared_buffers);
        assert.ok(shared + 2 * connections * megabytes(parameters.work_mem) <= memory, "shared buffers and sorts");
        assert.ok(shared + megabytes(parameters.maintenance_work_mem) <= memory / 2, "shared buffers and maintenance");
        assert.ok(megabytes(parameters.effective_cache_size) < memory, "cache");
      }),
    );
  });

  it("never shrink when the machine grows", () => {
    const memory = fc.integer({ min: 512, max: 1_048_576 });
    fc.assert(
      fc.property(memory, memory, fc.integer({ min: 20, max: 1000 }), (one, other, connections) => {
        const [small, large] = [Math.min(one, other), Math.max(one, other)].map((m) =>
          memoryParameters(m, connections),
        );
        for (const name of Object.keys(small!)) assert.ok(megabytes(small![name]) <= megabytes(large![name]), name);
      }),
    );
  });
});
