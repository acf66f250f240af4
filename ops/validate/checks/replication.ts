import { randomUUID } from "node:crypto";
import { commitSettings, earlyCommits, earlyWarning } from "../../status/commits";
import { parseCsv } from "../../status/csv";
import { ownerSql, superuserSql } from "../../ask";
import { cluster, eventually, forEach, none, on, theLeader, theReplicas } from "../context";
import { dropTable, makeTable, tableName, throughAnyProxy } from "./sql";

/** Rows of a query on the leader. */
async function onLeader(sql: string): Promise<Record<string, string>[]> {
  const { name } = await theLeader();
  return parseCsv(await on(name, superuserSql(`COPY (${sql}) TO STDOUT WITH (FORMAT csv, HEADER)`)));
}

describe("streaming replication", () => {
  it("every replica streams from the leader, synchronous as the stack says", () =>
    eventually(async () => {
      const expected = cluster().facts.synchronous === "quorum" ? "quorum" : "async";
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
  it("no setting of a role or of the database has commits acknowledged too early", async () => {
    const { database, synchronous } = cluster().facts;
    const { name } = await theLeader();
    const settings = JSON.parse(await on(name, superuserSql(commitSettings(database.name))));
    none(earlyCommits(settings, synchronous).map(earlyWarning));
  });

  after(() => dropTable().catch(() => undefined));

  it("a row written through the pooled port appears on every replica", async () => {
    const id = randomUUID();
    await makeTable();
    await throughAnyProxy("app", "pooled", (client) => client.query(`INSERT INTO ${tableName} (id) VALUES ($1)`, [id]));
    const count = ownerSql(cluster(), `SELECT count(*) FROM ${tableName} WHERE id = '${id}'`);
    const replicas = await theReplicas();
    await forEach(replicas, ({ name }) =>
      eventually(async () => {
        if ((await on(name, count)) !== "1") throw new Error("the row is missing");
      }),
    );
  });
});
