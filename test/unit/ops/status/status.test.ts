import assert from "node:assert/strict";
import { parseCsv } from "../../../../ops/status/csv";
import { formatStatus } from "../../../../ops/status/format";
import type { Status } from "../../../../ops/status/model";
import { pausedPools } from "../../../../ops/status/paused";
import { parseSections, probeAll, probeScript } from "../../../../ops/status/probe";
import { readStatus } from "../../../../ops/status/read";
import { bytes, table } from "../../../../ops/table";
import {
  databaseAnswer,
  etcdAnswer,
  etcdMembers,
  notAfter,
  patroniCluster,
  pausedAnswer,
  proxyAnswer,
  wholeAnswers,
} from "../../support/ops-answers";
import { fakeReached, unreachable, type Answer } from "../../support/ops-fixture";

const day = 24 * 3600 * 1000;
const longBefore = new Date(notAfter.getTime() - 300 * day);

/** The status of a whole cluster in which these nodes answer otherwise. */
async function statusWith(changes: Record<string, Answer> = {}, now = longBefore): Promise<Status> {
  const answers: Record<string, Answer> = { ...wholeAnswers(), ...changes };
  const { cluster, runner } = fakeReached((node) => answers[node]);
  return readStatus("dev", cluster.facts, await probeAll(cluster, runner), [], now);
}

const noFailures = { count: 0, capped: false, most: [] };

describe("pgha status", () => {
  it("says what runs on without the limits of its new unit, which is not a problem", async () => {
    const { whole, notes } = await statusWith({ haproxy2: `${proxyAnswer({})}\n@@pgha outdated\npgbouncer` });
    assert.equal(whole, true);
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, /^haproxy2: pgbouncer had clients .*pgha ssh haproxy2 -- sudo systemctl restart pgbouncer/);
  });

  it("shows HAProxy's old workers, which are not a problem", async () => {
    const oldWorkers = [
      "1233            worker          1               0d00h00m43s     3.0.11-1+deb13u5",
      "1190            worker          3               1d02h03m04s     3.0.11-1+deb13u5",
    ];
    const status = await statusWith({ haproxy2: proxyAnswer({ oldWorkers }) });
    assert.equal(status.whole, true);
    assert.deepEqual(status.proxies[1]!.haproxy?.oldWorkers, [
      { pid: 1190, seconds: 93_784 },
      { pid: 1233, seconds: 43 },
    ]);
    const text = formatStatus(status, noFailures);
    assert.match(text, /^haproxy1 .* 0 +3\.0\.11 /m);
    assert.match(text, /^haproxy2 .* 2 \(26 h\) +3\.0\.11 /m);
  });

  it("takes no words of a client, as a role's name, for PostgreSQL's own", async () => {
    const answer = databaseAnswer(undefined, {}, [{ pid: 1, user: "FATAL:  x", seconds: 3 }]);
    const { warnings, database } = await statusWith({ postgresql2: answer });
    assert.deepEqual([warnings, database[1]!.refuses], [[], null]);
  });

  it("notes other parameters that ALTER SYSTEM has set, by their names alone", async () => {
    const answer = databaseAnswer(undefined, {}, [], [], ["log_min_duration_statement", "work_mem"]);
    const { whole, notes, database } = await statusWith({ postgresql2: answer });
    assert.equal(whole, true);
    assert.deepEqual(database[1]!.byHand, ["log_min_duration_statement", "work_mem"]);
    assert.match(notes.join("\n"), /^postgresql2: ALTER SYSTEM has set log_min_duration_statement, work_mem, before/);
  });

  it("finds no problem with a healthy cluster", async () => {
    const status = await statusWith();
    assert.deepEqual(status.warnings, []);
    assert.equal(status.whole, true);
    assert.equal(status.leader, "postgresql1");
    assert.equal(status.timeline, 3);
    assert.deepEqual(status.database[1], {
      name: "postgresql2",
      reachable: true,
      problem: null,
      role: "quorum_standby",
      state: "streaming",
      timeline: 3,
      lag: 0,
      sync: "quorum",
      pendingRestart: false,
      replayPaused: false,
      refuses: null,
      byHand: [],
      nofailover: false,
      failsafe: false,
      longTransactions: [],
      postgresql: "17.6",
      patroni: "4.1.4",
    });
    assert.deepEqual(status.etcd[0], {
      name: "etcd1",
      reachable: true,
      problem: null,
      healthy: true,
      leader: true,
      dbSize: 20480,
      version: "3.6.14",
      alarms: [],
    });
    assert.deepEqual(status.proxies[0]!.haproxy, {
      version: "3.0.11",
      write: ["postgresql1"],
      read: ["postgresql2", "postgresql3"],
      oldWorkers: [],
    });
    assert.deepEqual(status.proxies[0]!.pgbouncer, {
      version: "1.24.1",
      clients: { active: 13, waiting: 0 },
      servers: { active: 3, idle: 8 },
      idleInTransaction: 0,
      full: [],
      longestWait: 0,
      paused: [],
    });
    assert.equal(status.certificates.length, 8);
    assert.equal(status.certificates[0]!.days, 300);
  });

  const cluster = (changes: Record<string, object>, more = {}) => {
    const view = databaseAnswer(patroniCluster("postgresql1", changes, more));
    return { postgresql1: view, postgresql2: view, postgresql3: view };
  };
  const asyncOnly = { postgresql2: { role: "replica" }, postgresql3: { role: "replica" } };

  const cases: { name: string; changes: Record<string, Answer>; now?: Date; warns: RegExp[] }[] = [
    {
      name: "an unreachable replica",
      changes: { postgresql3: unreachable },
      warns: [/^postgresql3 is unreachable: connect to host timed out$/],
    },
    { name: "an unreachable etcd member", changes: { etcd2: unreachable }, warns: [/^etcd2 is unreachable/] },
    {
      name: "etcd without a quorum",
      changes: { etcd2: unreachable, etcd3: etcdAnswer(13, { healthy: false }) },
      warns: [/^etcd has no quorum: 1 of 3/, /^etcd2 is unreachable/, /^etcd3 is not healthy$/],
    },
    {
      name: "all of etcd gone, and a leader that goes on in failsafe mode",
      changes: {
        ...Object.fromEntries(["etcd1", "etcd2", "etcd3"].map((name) => [name, unreachable])),
        postgresql1: databaseAnswer("", { role: "primary", timeline: 3 }),
        ...Object.fromEntries(
          ["postgresql2", "postgresql3"].map((name) => [
            name,
            databaseAnswer("", { role: "replica", timeline: 3, replication_state: "streaming", quorum_standby: true }),
          ]),
        ),
      },
      warns: [/^etcd has no quorum: 0 of 3/, /^etcd1 is un/, /^etcd2 is un/, /^etcd3 is un/],
    },
    {
      name: "etcd with members whose machines are gone",
      changes: {
        etcd1: etcdAnswer(11, { members: etcdMembers({}, 5) }),
        etcd2: etcdAnswer(12, { members: etcdMembers({}, 5) }),
      },
      warns: [/^etcd4 is a member of etcd but has no machine; `npm run up` removes it$/, /^etcd5 is a member/],
    },
    {
      name: "etcd that has lost one more than that",
      changes: {
        etcd1: etcdAnswer(11, { healthy: false, members: etcdMembers({}, 5) }),
        etcd2: etcdAnswer(12, { healthy: false, members: etcdMembers({}, 5) }),
        etcd3: unreachable,
      },
      warns: [
        /no quorum: 0 of 5/,

        /^etcd1 is not/,
        /^etcd2 is not/,
        /^etcd3 is un/,
        /^etcd4 is a mem/,
        /^etcd5 is a mem/,
      ],
    },
    {
      name: "a quorum that is none when those without a machine are counted",
      changes: {
        ...Object.fromEntries(
          [1, 2].map((n) => [`etcd${n}`, etcdAnswer(10 + n, { members: etcdMembers({}, 5) })] as const),
        ),
        etcd3: unreachable,
      },
      warns: [/no quorum: 2 of 5 members are healthy, 3 are needed/, /^etcd3 is un/, /^etcd4 is/, /^etcd5 is/],
    },
    {
      name: "a member of etcd that does not vote yet, and a machine that is no member",
      changes: { etcd1: etcdAnswer(11, { members: etcdMembers({ 2: { isLearner: true }, 3: null }) }) },
      warns: [
        /^etcd2 is a learner of etcd and does not vote yet; `npm run up` goes on with it$/,
        /^etcd3 is not a member of etcd; `npm run up` has it join$/,
      ],
    },
    {
      name: "a member of etcd that has never started",
      changes: { etcd1: etcdAnswer(11, { members: etcdMembers({ 4: { name: "" } }, 4) }) },
      warns: [/^https:\/\/10\.88\.0\.14:2380 is a member of etcd but has no machine/],
    },
    {
      name: "an alarm of etcd",
      changes: { etcd1: etcdAnswer(11, { alarm: 1 }) },
      warns: [/^etcd1 has the alarm NOSPACE$/],
    },
    { name: "an unreachable proxy", changes: { haproxy2: unreachable }, warns: [/^haproxy2 is unreachable/] },
    {
      name: "Patroni that does not answer",
      changes: { postgresql2: "\n@@pgha certificate\nnone" },
      warns: [/^postgresql2: Patroni does not/, /^postgresql2: its certificate/],
    },
    {
      name: "a replica that does not stream",
      changes: cluster({ postgresql2: { state: "starting" } }),
      warns: [/^postgresql2 is starting, not streaming/],
    },
    {
      name: "a replica on an old timeline",
      changes: cluster({ postgresql2: { timeline: 2 } }),
      warns: [/^postgresql2 is on timeline 2, the leader on 3$/],
    },
    {
      name: "a lag over the limit",
      changes: cluster({ postgresql3: { lag: 40 * 1024 ** 2 } }),
      warns: [/^postgresql3 is 40 MiB behind, over the limit of 16 MiB/],
    },
    {
      name: "settings that have commits acknowledged too early",
      changes: {
        postgresql1: databaseAnswer(
          undefined,
          {},
          [],
          [
            { role: null, database: "app", synchronousCommit: "off" },
            { role: "app", database: "app", synchronousCommit: "local" },
            { role: "app_owner", database: null, synchronousCommit: "remote_apply" },
          ],
        ),
      },
      warns: [
        /^sessions of everybody in database app have synchronous_commit off.*`ALTER DATABASE app RESET synchronous_commit`/,
        /^sessions of app in database app have .* local.*`ALTER ROLE app IN DATABASE app RESET synchronous_commit`/,
      ],
    },
    {
      name: "a standby that follows and lets nobody in",
      changes: {
        postgresql3: databaseAnswer().replace(
          /^\{"transactions.*$/m,
          'psql: error: connection to server on socket failed: FATAL:  "base/5" is not a valid data directory',
        ),
      },
      warns: [/^postgresql3 lets nobody in: "base\/5" is not a valid data directory; `pgha reinit postgresql3` copies/],
    },
    {
      name: "a parameter by ALTER SYSTEM that the settings would refuse",
      changes: { postgresql2: databaseAnswer(undefined, {}, [], [], ["fsync", "synchronous_commit", "work_mem"]) },
      warns: [
        /^postgresql2: ALTER SYSTEM has set fsync: switching it off loses data; `ALTER SYSTEM RESET fsync` and /,
        /^postgresql2: ALTER SYSTEM has set synchronous_commit: a commit must wait for its standby/,
      ],
    },
    { name: "no synchronous standby", changes: cluster(asyncOnly), warns: [/^no synchronous standby/] },
    { name: "a paused Patroni", changes: cluster({}, { pause: true }), warns: [/^Patroni is paused/] },
    {
      name: "a scheduled switchover",
      changes: {
        etcd1: etcdAnswer(11, { switchover: '{"leader":"postgresql1","scheduled_at":"2026-12-01T04:00:00+00:00"}' }),
      },
      warns: [/^a switchover is scheduled for 2026-12-01T04/],
    },
    {
      name: "a switchover under way",
      changes: { etcd3: etcdAnswer(13, { switchover: '{"leader":"postgresql1"}' }) },
      warns: [/^a switchover is under way$/],
    },
    {
      name: "a pending restart",
      changes: { postgresql1: databaseAnswer(undefined, { pending_restart: true }) },
      warns: [/^postgresql1 has a change that waits for a restart/],
    },
    {
      name: "paused replay",
      changes: { postgresql2: databaseAnswer(undefined, { xlog: { paused: true } }) },
      warns: [/^postgresql2 has its replay paused/],
    },
    {
      name: "a proxy that writes to nobody",
      changes: { haproxy1: proxyAnswer({ write: [] }) },
      warns: [/^haproxy1: HAProxy sends writes to nobody$/],
    },
    {
      name: "a proxy that writes to two",
      changes: { haproxy1: proxyAnswer({ write: ["postgresql1", "postgresql3"] }) },
      warns: [/^haproxy1: HAProxy sends writes to postgresql1, postgresql3$/],
    },
    {
      name: "a proxy that spares a replica",
      changes: { haproxy2: proxyAnswer({ read: ["postgresql2"] }) },
      warns: [/^haproxy2: HAProxy sends no reads to postgresql3$/],
    },
    {
      name: "a held pool",
      changes: { haproxy1: proxyAnswer({ paused: 1 }) },
      warns: [/^haproxy1: PgBouncer holds app by PAUSE$/],
    },
    {
      name: "clients that wait long",
      changes: { haproxy1: proxyAnswer({ waiting: 9, maxwait: 4 }) },
      warns: [/^haproxy1: 9 clients wait .* one for 4 s/],
    },
    {
      name: "what is not as the last up left it",
      changes: {
        haproxy1: `${proxyAnswer({})}\n@@pgha differences\nconverged 5a\n/etc/a is missing\npgha-gate does not run (failed)`,
      },
      warns: [/^haproxy1: \/etc\/a is missing; `npm run up` makes it so again$/],
    },
    {
      name: "an up that did not come to its end",
      changes: { haproxy1: `${proxyAnswer({})}\n@@pgha differences\nconverged none` },
      warns: [/^haproxy1: its last change did not come to its end; `npm run up`/],
    },
    {
      name: "a service that does not run",
      changes: { haproxy1: `${proxyAnswer({})}\n@@pgha units\nhaproxy active\npgbouncer active\npgha-gate failed` },
      warns: [/^haproxy1: pgha-gate does not run \(failed\); `pgha logs haproxy1`.*systemctl start pgha-gate/],
    },
    {
      name: "a full disk",
      changes: { etcd1: etcdAnswer(11).replace(" 31% /", " 31% /\n 93% /var/lib/etcd") },
      warns: [/^etcd1: \/var\/lib\/etcd is 93 % full$/],
    },
  ];
  for (const { name, changes, warns } of cases) {
    it(`warns of ${name}, and of nothing else`, async () => {
      const { whole, warnings } = await statusWith(changes);
      assert.equal(whole, false);
      assert.equal(warnings.length, warns.length, warnings.join("\n"));
      warns.forEach((pattern, index) => assert.match(warnings[index]!, pattern));
    });
  }

  it("knows what speaks against a switchover", async () => {
    const open = { pid: 77, user: "app", seconds: 3.5 };
    const { database, switchover } = await statusWith({
      etcd2: etcdAnswer(12, { switchover: '{"leader":"postgresql1","member":"postgresql2"}' }),
      postgresql1: databaseAnswer(patroniCluster("postgresql1", { postgresql2: { tags: { nofailover: true } } }), {}, [
        open,
      ]),
      postgresql2: databaseAnswer(undefined, { failsafe_mode_is_active: true }),
      postgresql3: databaseAnswer().replace("@@pgha postgresql", "@@pgha else"),
    });
    assert.deepEqual(switchover, { from: "postgresql1", to: "postgresql2", at: null });
    assert.deepEqual(
      database.map(({ nofailover, failsafe, longTransactions }) => [nofailover, failsafe, longTransactions]),
      [
        [false, false, [open]],
        [true, true, []],
        [false, false, null],
      ],
    );
  });

  const tags: [object, boolean][] = [
    [{}, false],
    [{ failover_priority: 0 }, true],
    [{ failover_priority: 1 }, false],
    [{ nofailover: false, failover_priority: 0 }, false],
  ];
  for (const [own, expected] of tags) {
    it(`reads the tags ${JSON.stringify(own)} as Patroni does`, async () => {
      const { database } = await statusWith(cluster({ postgresql2: { tags: own } }));
      assert.equal(database[1]!.nofailover, expected);
    });
  }

  it("bears with clients that wait a moment", async () => {
    assert.deepEqual((await statusWith({ haproxy1: proxyAnswer({ waiting: 90, maxwait: 1 }) })).warnings, []);
  });

  it("warns of certificates near their end, and of ended ones", async () => {
    assert.equal((await statusWith({}, new Date(notAfter.getTime() - 31 * day))).whole, true);
    const near = await statusWith({}, new Date(notAfter.getTime() - 20 * day));
    assert.equal(near.warnings.length, 8);
    assert.match(near.warnings[0]!, /^etcd1: its certificate ends in 20 days/);
    assert.match(
      (await statusWith({}, new Date(notAfter.getTime() + day))).warnings[0]!,
      /^etcd1: its certificate has ended$/,
    );
  });

  it("says so when nothing leads", async () => {
    const nobody = databaseAnswer(patroniCluster("nobody"));
    const changes = { postgresql1: nobody, postgresql2: nobody, postgresql3: nobody };
    const status = await statusWith(changes);
    assert.equal(status.leader, null);
    assert.match(status.warnings[0]!, /^no leader/);
    assert.match(formatStatus(status, noFailures), /NO LEADER/);
  });

  it("bears with a cluster of which nothing can be reached", async () => {
    const status = await statusWith(Object.fromEntries(Object.keys(wholeAnswers()).map((node) => [node, unreachable])));
    assert.equal(status.warnings.filter((text) => text.includes("unreachable")).length, 8);
    assert.match(formatStatus(status, noFailures), /Certificates: none could be read/);
  });

  it("fits on a screen of 120 columns, every node with its figures", async () => {
    const text = formatStatus(await statusWith(), noFailures);
    assert.ok(text.split("\n").every((line) => line.length <= 120));
    assert.ok(text.split("\n").length <= 24);
    assert.match(text, /^pgha-dev \(stack dev\) {3}leader postgresql1 {3}timeline 3$/m);
    assert.match(text, /^postgresql2 +quorum_standby +streaming +3 +0 B +quorum +- +17\.6 +4\.1\.4$/m);
    assert.match(text, /^etcd1 +healthy +leader +20\.0 KiB +3\.6\.14$/m);
    assert.match(text, /^haproxy1 +postgresql1 +postgresql2,postgresql3 +13 +0 +3 +8 +0 +3\.0\.11 +1\.24\.1$/m);
    assert.match(text, /^Failed logins in the last hour: none$/m);
    assert.match(text, /^All is well\.$/m);
  });

  it("shows failed logins by role and address", async () => {
    const most = [
      { role: "app", address: "10.88.0.1", node: null, count: 2001 },
      { role: "app_owner", address: "10.88.0.31", node: "haproxy1", count: 3 },
    ];
    const lines = formatStatus(await statusWith(), { count: 2004, capped: true, most }).split("\n");
    assert.deepEqual(lines.slice(-4), [
      "Failed logins in the last hour: 2004 and more",
      "  - 2001 as app from 10.88.0.1",
      "  - 3 as app_owner from 10.88.0.31 (haproxy1)",
      "All is well.",
    ]);
  });

  it("asks each node once", async () => {
    const { cluster, runner } = fakeReached((node) => wholeAnswers()[node]);
    await probeAll(cluster, runner);
    assert.deepEqual(runner.asked.map(({ node }) => node).sort(), cluster.nodes.map(({ name }) => name).sort());
  });

  it("asks in a script that bash can read", async () => {
    const { execFileSync } = await import("node:child_process");
    const { cluster } = fakeReached(() => undefined);
    for (const node of cluster.nodes) execFileSync("bash", ["-n", "-c", probeScript(node, cluster.facts)]);
  });
});

describe("parsers of pgha", () => {
  it("reads sections, and leaves out what is missing", () => {
    const sections = parseSections("noise\n@@pgha a\none\ntwo\n\n@@pgha b\n\n@@pgha c\nlast");
    assert.deepEqual(
      [...sections],
      [
        ["a", "one\ntwo"],
        ["b", ""],
        ["c", "last"],
      ],
    );
    assert.equal(parseSections("").size, 0);
  });

  it("finds pools that are paused one by one, or all at once", () => {
    assert.deepEqual(pausedPools(pausedAnswer()), []);
    assert.deepEqual(pausedPools(pausedAnswer({ paused: 1 })), ["app"]);
    assert.deepEqual(pausedPools(pausedAnswer({ all: true })), ["app"]);
    assert.deepEqual(pausedPools(""), []);
  });

  it("reads CSV with quotes and empty values", () => {
    assert.deepEqual(parseCsv('# a,b,c\n1,,3\n"x, ""y""",2,\n'), [
      { a: "1", b: "", c: "3" },
      { a: 'x, "y"', b: "2", c: "" },
    ]);
    assert.deepEqual(parseCsv(""), []);
  });

  it("aligns tables", () => {
    assert.deepEqual(table(["A", "LONG"], [["xyz", "1"]]), ["A    LONG", "xyz  1"]);
  });

  it("writes sizes for people", () => {
    assert.deepEqual([0, 1023, 1024, 20971520].map(bytes), ["0 B", "1023 B", "1.0 KiB", "20.0 MiB"]);
  });
});
