/**
 * Real clients, connected by exactly what `pgha env --for` prints, through what an application meets. The table of docs/clients.md is made
 * from it: `CLIENTS_TABLE=write npm test -- clients`.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkoutRoot } from "../../ops/env";
import { caFile, loadCluster, type Cluster } from "../../ops/cluster";
import { kindNamed } from "../../ops/clients/kinds";
import { connect, query } from "../../simulator/sql";
import { run, TestStack, until } from "../../simulator/stack";
import { becomesWhole } from "../../simulator/validation";
import { Matrix, Session, withMatrix } from "./support/matrix";
import { programs, type Program } from "./support/matrix-programs";

const stack = new TestStack("test-clients", {
  driver: "incus",
  name: "pgha-clients",
  nodes: { etcd: 3, postgresql: 2, haproxy: 2 },
  network: { cidr: "10.91.0.0/24" },
  ports: { write: 5640, read: 5641, stats: 7640, pooled: 6572, pooledRead: 6672 },
});

const columns = ["TLS verified", "write", "read", "long", "broken", "cancel", "migrated", "other DDL", "switchover"];

/** Who cancels by `pg_cancel_backend` and the process id of his session, which on the pooled port is one of PgBouncer's own. */
const cancelsByProcessId = ["Knex"];

describe("clients", function () {
  this.timeout(300_000);
  let clients: Program[];
  let cluster: Cluster;
  let matrix: Matrix;
  const sessions = new Map<string, Session>();
  const printed = new Map<string, string>();

  before(async function () {
    this.timeout(900_000); // the first time, Rust takes minutes
    await stack.init();
    // Compilers work while the cluster boots.
    [clients] = await Promise.all([programs(), stack.up()]);
    cluster = await loadCluster(stack.name);
    matrix = new Matrix(
      clients.map(({ name }) => name),
      columns,
    );
    await migrated("psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", join(checkoutRoot, "docs", "clients", "requests.sql"));
    await migrated("psql", "-qc", "CREATE TABLE matrix (id text PRIMARY KEY); CREATE TABLE shape AS SELECT 1 AS id");
    for (const kind of new Set(clients.map((client) => client.kind))) printed.set(kind, await env(kind));
    for (const program of clients) sessions.set(program.name, new Session(program, printed.get(program.kind)!));
  });
  after(async () => {
    for (const session of sessions.values()) session.end();
    await stack.remove();
  });

  async function pgha(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await stack.pgha(...args);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  }
  const migrated = (...command: string[]) => pgha("migrate", "--", ...command);
  /** Without the password for those that find it in its file. */
  const env = (kind: string) =>
    pgha("env", "--for", kind, ...(kindNamed(kind).readsPasswordFile && kind !== "rust" ? [] : ["--show-secrets"]));

  /** A step of all clients at once. */
  const all = (deed: (session: Session, name: string) => Promise<void>) =>
    Promise.all([...sessions].map(([name, session]) => deed(session, name)));
  const word = (name: string, what: string) => `${name.replaceAll(/\W+/g, "-")}-${what}`;
  const step = (column: string, what: string, wanted?: unknown, withWord = false) =>
    all(async (session, name) => {
      const own = word(name, what);
      const answer = await session.step(what, ...(withWord ? [own] : []));
      matrix.judge(name, column, answer, withWord && wanted === "word" ? own : wanted);
    });
  /** After a change of the schema: drivers that remember which columns a statement has are found out, and are no fault. */
  const anew = (column: string, columns: number) =>
    all(async (session, name) => {
      const first = await session.step("prepared");
      const again = first.ok ? first : await session.step("prepared");
      if (!again.ok) {
        await session.step("connect");
        const last = await session.step("prepared");
        if (last.ok) matrix.note(name, column, "connected anew");
        else matrix.judge(name, column, last, columns);
      } else if (again.said === "none") matrix.judge(name, column, again);
      else if (!first.ok) matrix.note(name, column, "after one error");
      else matrix.note(name, column, Number(again.said) < columns ? "old columns" : "yes");
    });
  const faultless = () => assert.deepEqual(matrix.faults.splice(0), []);

  it("verify TLS: another CA's certificate is refused, the cluster's taken", async () => {
    const other = join(stack.folder, "other-ca.crt");
    const made = await run("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other"],
      ...["-keyout", "/dev/null", "-out", other],
    ]);
    assert.equal(made.code, 0, made.stderr);
    await all(async (session, name) => {
      const { program } = session;
      const stranger = new Session(program, printed.get(program.kind)!.replaceAll(caFile(cluster), other));
      const refused = await stranger.step("connect");
      stranger.end();
      const taken = await session.step("connect");
      if (!taken.ok) matrix.judge(name, "TLS verified", taken);
      else if (refused.ok) matrix.note(name, "TLS verified", "no", "it took a certificate of another CA");
      else if (/^no answer/.test(String(refused.said))) matrix.note(name, "TLS verified", "yes, tries for ever");
      else if (!/certificate|SSL|TLS|self.signed|verif|PKIX/i.test(String(refused.said)))
        matrix.note(name, "TLS verified", "no", `refused for another reason: ${String(refused.said)}`);
      else matrix.note(name, "TLS verified", "yes");
    });
    faultless();
  });

  it("write, read from a replica, wait for a long statement", async () => {
    await step("write", "write", "word", true);
    await step("read", "read", true);
    await step("long", "long");
    faultless();
  });

  it("go on after a transaction that breaks, and after a statement that is cancelled, which ends", async () => {
    await step("broken", "broken", "22012", true);
    await step("cancel", "cancel", "57014", true);
    const still = cancelsByProcessId.map((name) => word(name, "cancel"));
    const running = "SELECT query FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()";
    const active = `${running} AND state = 'active'`;
    const others = async () =>
      (await query(cluster, "writeUrl", active)).filter(
        (row) => !still.some((mark) => String(row.query).includes(mark)),
      );
    await until("cancelled statements to end", 5, async () => (await others()).length === 0);
    for (const name of cancelsByProcessId) matrix.note(name, "cancel", "not in the server");
    faultless();
  });

  it("have their statements prepared anew after `pgha migrate`", async () => {
    await all(async (session, name) => {
      const { ok, said } = await session.step("prepared");
      if (!ok) matrix.note(name, "migrated", "no", `before: ${String(said)}`);
    });
    await migrated("psql", "-qc", "ALTER TABLE shape ADD COLUMN second int");
    await anew("migrated", 2);
    faultless();
  });

  it("have them prepared anew after any other change of the schema", async () => {
    const owner = await connect(cluster, "ownerUrl");
    await owner.query("ALTER TABLE shape ADD COLUMN third int");
    await owner.end();
    await anew("other DDL", 3);
    faultless();
  });

  it("ride through a switchover with the retry of docs/clients.md, each write done once", async () => {
    await all(async (session, name) => void (await session.step("ride", word(name, "ride"))));
    const rides =
      "SELECT count(*)::int AS n, count(DISTINCT split_part(id, '-ride-', 1))::int AS clients FROM matrix WHERE id LIKE '%-ride-%'";
    const everyone = async () => (await query(cluster, "writeUrl", rides))[0]!.clients === clients.length;
    await until("every client to write", 30, everyone);
    await pgha("switchover", "--yes");
    await becomesWhole(stack);
    await sleep(1000); // of riding on with the new leader
    await all(async (session, name) => {
      const { ok, said } = await session.step("stop");
      const { done, failed, longest } = said as { done: number; failed: string[]; longest: number };
      const id = word(name, "ride-");
      const found = await query(
        cluster,
        "writeUrl",
        "SELECT count(*)::int AS n FROM matrix WHERE starts_with(id, $1)",
        [id],
      );
      const right = ok && failed.length === 0 && found[0]!.n === done;
      const wrong = `${String(done)} done, ${String(found[0]!.n)} found, failed: ${JSON.stringify(failed ?? said)}`;
      matrix.note(name, "switchover", "yes", right ? undefined : wrong);
      console.log(`      ${name}: ${done} writes, the longest took ${longest} s`);
    });
    faultless();
  });

  it("are in the table of docs/clients.md as they were found", () => {
    const page = join(checkoutRoot, "docs", "clients.md");
    const made = withMatrix(matrix.table());
    if (process.env.CLIENTS_TABLE === "write") writeFileSync(page, made);
    assert.equal(readFileSync(page, "utf8"), made, "CLIENTS_TABLE=write npm test -- clients writes it");
  });
});
