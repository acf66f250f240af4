import assert from "node:assert/strict";
import { formatStatus } from "../../../../ops/status/format";
import { hopsOf, originOf, readHops, type Hop } from "../../../../ops/status/hops";
import { probeAll } from "../../../../ops/status/probe";
import { inTheWay, readStatus } from "../../../../ops/status/read";
import { transactionQuestions } from "../../../../ops/status/open";
import { databaseAnswer, proxyAnswer, wholeAnswers } from "../../support/ops-answers";
import { fakeReached } from "../../support/ops-fixture";

const open = (change: object = {}) => ({
  pid: 4711,
  role: "app",
  database: "app",
  address: "10.88.0.31",
  port: 40001,
  state: "idle in transaction",
  seconds: 900,
  stateSeconds: 840,
  heldUp: 0,
  ...change,
});

/** PostgreSQL's answer with these transactions and idle sessions. */
const postgresql = (found: object[], idle: object[] = []) =>
  databaseAnswer().replace(
    /("transactions":\[\])/,
    `"open":${JSON.stringify(found)},"idle":${JSON.stringify(idle)},$1`,
  );

const ways = [
  "@@pgha haproxy",
  "client 127.0.0.1:41000 as 10.88.0.31:40001 by pool to postgresql1 --",
  "client 10.20.3.4:50001 as 10.88.0.31:40002 by write to postgresql1 --",
  // Of a port there are older sessions, too.
  "client 10.20.3.5:50002 as 127.0.0.1:42000 by pooled to pgbouncer --",
  "client 10.20.3.6:50003 as 127.0.0.1:42000 by pooled to pgbouncer --",
  "@@pgha servers0",
  "type,user,database,local_addr,local_port,link,remote_pid",
  "S,app,app,127.0.0.1,41000,0x1,4711",
  "S,app,app,127.0.0.1,41001,,4712",
  "@@pgha clients0",
  "type,user,database,addr,port,ptr",
  "C,app,app,127.0.0.1,42000,0x1",
  "",
].join("\n");

describe("transactions in the way", () => {
  async function statusWith(changes: Record<string, string>) {
    const answers: Record<string, string> = { ...wholeAnswers(), ...changes } as Record<string, string>;
    const reached = fakeReached((node, script) =>
      script.includes("journalctl -q --no-pager -o cat -u haproxy") ? ways : answers[node],
    );
    const probes = await probeAll(reached.cluster, reached.runner);
    const hops = await hopsOf(reached, inTheWay(probes));
    return { status: readStatus("dev", reached.cluster.facts, probes, hops), asked: reached.runner.asked };
  }

  it("are told, the oldest first, with their client and how to end one; they are not a problem", async () => {
    const direct = open({ pid: 12, port: 40002, state: "active", seconds: 61, stateSeconds: 1, heldUp: 2 });
    const { status } = await statusWith({ postgresql1: postgresql([direct, open()]) });
    assert.deepEqual(
      status.transactions.map(({ pid, client, proxy }) => [pid, client, proxy]),
      [
        [4711, "10.20.3.5", "haproxy1"],
        [12, "10.20.3.4", null],
      ],
    );
    assert.ok(!status.warnings.some((text) => /transaction/.test(text)));
    const text = formatStatus(status, { count: 0, capped: false, most: [] });
    assert.match(
      text,
      /^postgresql1 pid 4711 +15 min +idle in transaction, for 14 min +app +app +10\.20\.3\.5, pooled by haproxy1 +-$/m,
    );
    assert.match(text, /^postgresql1 pid 12 +61 s +active +app +app +10\.20\.3\.4 +2$/m);
    assert.match(text, /npx pgha psql --node postgresql1 -- -c 'SELECT pg_terminate_backend\(4711\)'/);
  });

  it("are told of replicas, too, and of sessions on the node itself", async () => {
    const { status, asked } = await statusWith({
      postgresql2: postgresql([open({ address: null, port: -1, role: "post\u001bgres" })]),
    });
    assert.deepEqual(
      status.transactions.map(({ node, client }) => [node, client]),
      [["postgresql2", null]],
    );
    assert.ok(!asked.some(({ script }) => script.includes("-o cat -u haproxy")), "no proxy is asked");
    assert.match(formatStatus(status, { count: 0, capped: false, most: [] }), /post\?gres/);
  });

  it("have no client that is made up: a session that has gone is the proxy's", () => {
    const hop: Hop = { node: "haproxy2", as: "127.0.0.1:41000", from: "10.1.1.1:5", pooled: true };
    assert.deepEqual(originOf({ address: "10.88.0.31", port: 9 }, [hop]), { client: "10.88.0.31", proxy: null });
    const through: Hop = { node: "haproxy1", as: "10.88.0.31:9", from: "127.0.0.1:41000", pooled: false };
    // The other proxy's port of the same number.
    assert.deepEqual(originOf({ address: "10.88.0.31", port: 9 }, [hop, through]), {
      client: "127.0.0.1",
      proxy: null,
    });
  });

  it("that use up a pool are a problem", async () => {
    const full = proxyAnswer().replace(/app,app,12,0,3,7,0/, "app,app,12,0,50,0,0");
    const room = full.replace("name,host,paused,disabled\napp,127.0.0.1,0,0", "name,max_connections,paused\napp,50,0");
    const idle = [{ address: "10.88.0.31", port: 40001 }];
    const warned = async (haproxy1: string, sessions: object[]) =>
      (await statusWith({ haproxy1, postgresql1: postgresql([], sessions) })).status.warnings.filter((text) =>
        /no connection left/.test(text),
      );
    assert.deepEqual(await warned(room, idle), [
      "haproxy1: PgBouncer has no connection left to app: 1 of 50 are held by sessions that are idle in a transaction",
    ]);
    assert.deepEqual(await warned(room, []), []);
    assert.deepEqual(await warned(proxyAnswer(), idle), []);
  });

  it("are never asked for their query, which may hold what is secret", () => {
    for (const sql of Object.values(transactionQuestions)) assert.doesNotMatch(sql, /\bquery\b|application_name/);
    assert.deepEqual(readHops("haproxy1", new Map()), []);
  });
});
