/** A proxy's clients are waited for before its machine goes. */
import assert from "node:assert/strict";
import { drainProvider } from "../../../../components/aws/drain/provider";
import { resource } from "../../support/goldens";
import type { Run } from "../../support/program";
import { runAws } from "../../support/run-aws";
import { waitsFor } from "../../support/graph";

const connection = { host: "10.0.0.1", user: "pgha", privateKey: "key", hostKey: "ssh-ed25519 A" };
const inputs = { connection, incarnation: "i-1", stay: 60 };

describe("a proxy that goes", () => {
  describe("in the program", () => {
    let run: Run;
    before(async () => (run = await runAws("staging")));
    const urn = (name: string) => resource(run, name).urn;

    it("leaves the load balancer first, then its clients are waited for, then its machine goes", () => {
      for (const use of ["write", "read", "pooled"]) {
        for (const proxy of ["haproxy1", "haproxy2"]) {
          const target = resource(run, `pgha-aws-endpoint-to-${use}-${proxy}`);
          const drain = resource(run, `pgha-aws-endpoint-${proxy}-drain`);
          assert.ok(target.dependencies.includes(drain.urn), `${target.name} goes before the wait`);
          assert.ok(waitsFor(run, drain, resource(run, `${proxy}-instance`)), `${drain.name} before the machine`);
        }
      }
    });

    it("is told from one that was recreated: Pulumi replaces by inputs alone, not by what only has to come before", () => {
      for (const proxy of ["haproxy1", "haproxy2"]) {
        const drain = resource(run, `pgha-aws-endpoint-${proxy}-drain`);
        assert.deepEqual(drain.madeFrom.incarnation, [urn(`${proxy}-instance`)]);
        const target = resource(run, `pgha-aws-endpoint-to-write-${proxy}`);
        assert.deepEqual(target.madeFrom.targetId, [urn(`${proxy}-instance`)]);
      }
    });

    it("is waited for, whatever becomes of its machine", () => {
      assert.equal(resource(run, "pgha-aws-endpoint-haproxy1-drain").deletedWith, "");
    });
  });

  describe("for Pulumi", () => {
    it("is waited for when it is taken away, not when it comes or is reached in another way", async () => {
      const waited: string[] = [];
      const provider = drainProvider(async (noted) => void waited.push(noted.connection.host));
      const { id, outs } = await provider.create(inputs);
      await provider.update(id!, inputs, { ...inputs, connection: { ...connection, host: "10.0.0.2" } });
      assert.deepEqual(waited, []);
      await provider.delete(id!, outs as typeof inputs);
      assert.deepEqual(waited, ["10.0.0.1"]);
    });

    it("is another one with another machine, and the same one else", async () => {
      const provider = drainProvider(async () => undefined);
      const diff = (news: object) => provider.diff("id", inputs, { ...inputs, ...news });
      assert.deepEqual(await diff({}), { changes: false, replaces: [], deleteBeforeReplace: true });
      const other = { connection: { ...connection, host: "10.0.0.2" } };
      assert.deepEqual(await diff(other), { changes: true, replaces: [], deleteBeforeReplace: true });
      assert.deepEqual((await diff({ incarnation: "i-2" })).replaces, ["incarnation"]);
    });
  });
});
