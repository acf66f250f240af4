import { performSwitchover } from "../../switchover/perform";
import { prepareSwitchover } from "../../switchover/plan";
import { cluster, reached } from "../context";
import { WriteLoad, type LoadResult } from "./load";
import { dropTable, makeTable, tableName, throughAnyProxy } from "./sql";

/** Share of writes that may fail in a switchover under load. */
const mostFailed = 0.05;

describe("failover capability", function () {
  this.timeout(120_000);
  let result: LoadResult | undefined;

  after(() => dropTable().catch(() => undefined));

  it("a load of writes goes on through a switchover", async () => {
    await makeTable();
    const plan = await prepareSwitchover(reached(), { wait: cluster().facts.clock.ttl + 5 });
    const load = new WriteLoad();
    try {
      await load.further(300);
      await performSwitchover(reached(), plan);
      await load.further(300);
    } finally {
      result = await load.stop();
    }
  });

  it("no acknowledged write is lost and fewer than 5 % fail", async () => {
    if (!result?.acknowledged.size) throw new Error("no write was acknowledged");
    const { acknowledged, failed } = result;
    const { rows } = await throughAnyProxy("app", "write", (client) => client.query(`SELECT id FROM ${tableName}`));
    const there = new Set(rows.map(({ id }: { id: string }) => id));
    const lost = [...acknowledged.keys()].filter((id) => !there.has(id)).length;
    if (lost > 0) throw new Error(`${lost} of ${acknowledged.size} acknowledged writes are lost`);
    const failures = [...failed.values()].reduce((a, b) => a + b, 0);
    const share = failures / (failures + acknowledged.size);
    if (share >= mostFailed) {
      const why = [...failed].map(([message, count]) => `${count} x ${message}`).join(", ");
      throw new Error(
        `${failures} of ${failures + acknowledged.size} writes failed (${(share * 100).toFixed(1)} %): ${why}`,
      );
    }
  });
});
