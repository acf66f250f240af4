/** Failed logins, as `pgha status` finds them in the journals. */
import assert from "node:assert/strict";
import {
  failedLogins,
  pgbouncerFailures,
  postgresqlFailures,
  sessions,
  summarise,
  trueAddress,
} from "../../../../ops/status/logins";
import { clientLine } from "../../../../cloud-init/services/haproxy/section";
import { fakeCluster } from "../../support/ops-fixture";

const entry = (ident: string, text: string, at = 100) => `${at}.500000 host ${ident}[7]: ${text}`;
const pgbouncer = (...texts: string[]) =>
  pgbouncerFailures("haproxy1", texts.map((text) => entry("pgbouncer", text)).join("\n"));
const postgresql = (...texts: string[]) =>
  postgresqlFailures("postgresql1", texts.map((text) => entry("patroni", text)).join("\n"));

describe("failed logins", () => {
  it("are read from PgBouncer's lines", () => {
    assert.deepEqual(
      pgbouncer(
        "C-0x55d1abe8c810: app/app@10.88.0.1:46318 pooler error: SASL authentication failed",
        "C-0x55d1abe8c810: app/(nouser)@10.88.0.1:46336 pooler error: bouncer config error",
        "C-0x55d1abe8c810: app/a/b@c@10.88.0.1:46340 pooler error: bouncer config error",
        "stats: 0 xacts/s",
      ).map(({ role, address, port }) => [role, address, port]),
      [
        ["app", "10.88.0.1", 46318],
        ["an unknown role", "10.88.0.1", 46336],
        ["a/b@c", "10.88.0.1", 46340],
      ],
    );
  });

  it("are read from PostgreSQL's lines", () => {
    const from = "[940] 10.88.0.31(40000) app@app";
    const hba = 'no pg_hba.conf entry for host "10.88.0.31", user "nobody", database "app", SSL encryption';
    assert.deepEqual(
      postgresql(
        `${from} FATAL:  password authentication failed for user "app"`,
        `[941] 10.88.0.31(40001) nobody@app FATAL:  ${hba}`,
        `[942] [local] x@postgres FATAL:  Peer authentication failed for user "x"`,
        `${from} FATAL:  terminating connection due to administrator command`,
        `${from} ERROR:  password authentication failed for user "no login"`,
      ).map(({ role, address, port }) => [role, address, port]),
      [
        ["app", "10.88.0.31", 40000],
        ["nobody", "10.88.0.31", 40001],
        ["x", "postgresql1", 0],
      ],
    );
  });

  it("are not those of proxies that were there before their role", () => {
    const early = '[50] 10.88.0.31(40000) pgbouncer@postgres FATAL:  role "pgbouncer" does not exist';
    assert.deepEqual(postgresql(early), []);
    assert.equal(postgresql(early.replaceAll("pgbouncer", "pgbouncer2")).length, 1);
  });

  it("accuse nobody whom a client names in its own name", () => {
    // The client's name was `evil\n[1] 1.2.3.4(5) bob`; the line ends where it ends.
    const [failure] = postgresql(
      '[1] 1.2.3.4(5) bob@app FATAL:  no pg_hba.conf entry for host "10.88.0.31", user "evil',
    );
    assert.deepEqual([failure?.role, failure?.address, failure?.port], ["evil", "10.88.0.31", 0]);
  });

  it("find the client behind a proxy by its port and time, also when it had to wait for a leader", () => {
    const line = (client: string, as: string, at: number) =>
      entry("haproxy", clientLine.replace("%ci:%cp", client).replace("%bi:%bp", as), at);
    const through = [
      ...sessions("haproxy1", line("10.9.9.9:1", "10.88.0.31:40000", 50)), // had that port before
      ...sessions("haproxy1", line("10.0.0.7:50000", "127.0.0.1:2000", 98)),
      ...sessions("haproxy1", line("127.0.0.1:2000", "10.88.0.31:40000", 99)),
      ...sessions("haproxy2", line("10.0.0.8:50000", "127.0.0.1:2000", 99)),
      ...sessions("haproxy1", line("10.0.0.9:50000", "10.88.0.31:40000", 300)), // came later
    ];
    const failure = { at: 100, node: "postgresql1", role: "app", address: "10.88.0.31", port: 40000 };
    assert.equal(trueAddress(failure, through), "10.0.0.7");
    assert.equal(trueAddress({ ...failure, port: 1 }, through), "10.88.0.31");
    // What PgBouncer saw on its own machine came by the HAProxy there.
    assert.equal(
      trueAddress({ at: 100, node: "haproxy2", role: "app", address: "127.0.0.1", port: 2000 }, through),
      "10.0.0.8",
    );
  });

  it("are counted by role and address, most first, five kinds at most, and harmless on a terminal", () => {
    const failure = (role: string, address: string) => ({ at: 1, node: "haproxy1", role, address, port: 1 });
    const failures = ["b", "a", "b", "c", "d", "e", "\x1b[2Jf".padEnd(99, "x")].map((role) =>
      failure(role, "10.0.0.1"),
    );
    const { count, most } = summarise(failures, [], [], false);
    assert.equal(count, 7);
    assert.deepEqual(most.map((kind) => [kind.role.slice(0, 5), kind.count])[0], ["b", 2]);
    assert.equal(most.length, 5);
    assert.ok(most.every(({ role }) => /^[ -~]{1,43}$/.test(role)));
  });

  it("are looked for at every PgBouncer of a proxy", async () => {
    const asked: string[] = [];
    const run = (node: string, script: string) => {
      if (node.startsWith("haproxy")) asked.push(script);
      return Promise.resolve({ code: 0, stdout: "", stderr: "" });
    };
    await failedLogins({ cluster: fakeCluster(), runner: { run } });
    assert.ok(asked.length > 0);
    for (const script of asked) assert.match(script, / -u pgbouncer -u pgbouncer-\* /);
    // What it says where its hba.conf has `reject`: postgres, template1.
    for (const script of asked) assert.match(script, /login rejected/);
  });

  it("ask proxies for sessions only when a refused login came by one", async () => {
    const asked: string[] = [];
    const runner = (refusal: string) => ({
      run: (node: string, script: string) => {
        asked.push(`${node} ${/-u (\w+)/.exec(script)![1]}`);
        const stdout =
          node === "postgresql1" && script.includes("-u patroni")
            ? entry("patroni", refusal)
            : script.includes("-u haproxy") && node === "haproxy1"
              ? entry("haproxy", "client 10.0.0.7:1 as 10.88.0.31:40000 by write to postgresql1 --")
              : "";
        return Promise.resolve({ code: 0, stdout, stderr: "" });
      },
    });
    const cluster = fakeCluster();
    const none = await failedLogins({ cluster, runner: runner("nothing") });
    assert.deepEqual(none, { count: 0, capped: false, most: [] });
    assert.ok(
      asked.every((call) => !call.endsWith("haproxy")),
      asked.join(),
    );
    const one = await failedLogins({
      cluster,
      runner: runner('[940] 10.88.0.31(40000) app@app FATAL:  password authentication failed for user "app"'),
    });
    assert.deepEqual(one.most, [{ role: "app", address: "10.0.0.7", node: null, count: 1 }]);
  });
});
