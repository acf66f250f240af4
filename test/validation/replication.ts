import { randomUUID } from "node:crypto";
import { parseCsv } from "../../ops/status/csv";
import { superuserSql } from "../../ops/ask";
import { cluster, eventually, forEach, on, theLeader, theReplicas } from "./context";
import { dropTable, makeTable, tableName, throughAnyProxy } from "./sql";

/** Rows of a query on the leader. */
async function onLeader(sql: string): Promise<Record<string, string>[]> {
  const { name } = await theLeader();
  return parseCsv(await on(name, superuserSql("postgres", `COPY (${sql}) TO STDOUT WITH (FORMAT csv, HEADER)`)));
}

describe("streaming replication", () => {
  it("every replica streams from the leader, synchronous as the stack says", () =>
    eventually(async () => {
      const expected = cluster().outputs.cluster.synchronous === "quorum" ? "quorum" : "async";
      const rows = await onLeader("SELECT application_name, state, sync_state FROM pg_stat_replication");
      await forEach(await theReplicas(), async ({ name }) => {
        const row = rows.find((candidate) => candidate.application_name === name);
        if (!row) throw new Error("is not connected to the leader");
        if (row.state !== "streaming") throw new Error(`is in state ${row.state}`);
        if (row.sync_state !== expected) throw new Error(`is ${row.sync_state}, expected ${expected}`);
      });
    }));

  it("every replica has its slot on the leader, in use", () =>
    eventually(async () => {
      const rows = await onLeader("SELECT slot_name, active FROM pg_replication_slots WHERE slot_type = 'physical'");
      await forEach(await theReplicas(), async ({ name }) => {
        const row = rows.find((candidate) => candidate.slot_name === name);
        if (!row) throw new Error("has no slot");
        if (row.active !== "t") throw new Error("its slot is not in use");
      });
    }));
});

describe("data integrity", () => {
  after(() => dropTable().catch(() => undefined));

  it("a row written through the pooled port appears on every replica", async () => {
    const id = randomUUID();
    await makeTable();
    await throughAnyProxy("app", "pooled", (client) => client.query(`INSERT INTO ${tableName} (id) VALUES ($1)`, [id]));
    const { name: database } = cluster().outputs.cluster.database;
    const count = superuserSql(database, `SELECT count(*) FROM ${tableName} WHERE id = '${id}'`);
    const replicas = await theReplicas();
    await forEach(replicas, ({ name }) =>
      eventually(async () => {
        if ((await on(name, count)) !== "1") throw new Error("the row is not there");
      }),
    );
  });
});
