import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Decision } from "../../../../ops/decide";
import { OpsError } from "../../../../ops/errors";
import type { DatabaseNode, Status } from "../../../../ops/status";
import { switchoverCommand } from "../../../../ops/switchover/command";
import { performSwitchover } from "../../../../ops/switchover/perform";
import { planSwitchover, prepareSwitchover, Refusal } from "../../../../ops/switchover/plan";
import { resumePools } from "../../../../ops/switchover/pools";
import { databaseAnswer, patroniCluster, pausedAnswer, wholeAnswers } from "../../support/ops-answers";
import { fakeReached, type Answer } from "../../support/ops-fixture";
import { bash } from "../../support/bash";
import { databaseNode } from "../../support/status";

const status = (
  change: Partial<Status> = {},
  second: Partial<DatabaseNode> = {},
  third: Partial<DatabaseNode> = {},
): Status => ({
  stack: "dev",
  cluster: "pgha-dev",
  whole: true,
  leader: "postgresql1",
  timeline: 3,
  paused: false,
  switchover: null,
  earlyCommits: [],
  database: [databaseNode("postgresql1"), databaseNode("postgresql2", second), databaseNode("postgresql3", third)],
  etcd: [1, 2, 3].map((n) => ({
    name: `etcd${n}`,
    reachable: true,
    problem: null,
    healthy: true,
    leader: n === 1,
    dbSize: 1,
    version: "3.6.14",
    alarms: [],
  })),
  etcdMembers: [],
  proxies: [],
  certificates: [],
  stopped: [],
  differences: [],
  disks: [],
  warnings: [],
  notes: [],
  transactions: [],
  ...change,
});

const proxy = (paused: string[]): Status["proxies"] => [
  {
    name: "haproxy1",
    reachable: true,
    problem: null,
    haproxy: null,
    outdated: [],
    pgbouncer: {
      version: "1.24.1",
      clients: { active: 0, waiting: 0 },
      servers: { active: 0, idle: 0 },
      longestWait: 0,
      idleInTransaction: 0,
      full: [],
      paused,
    },
  },
];
const withLeader = (change: Partial<DatabaseNode>, second: Partial<DatabaseNode> = {}) => {
  const whole = status({}, second);
  return { ...whole, database: [databaseNode("postgresql1", change), ...whole.database.slice(1)] };
};
const isDecision = (script: string) => script.includes("/decide.py ");
const open = { pid: 77, user: "app", seconds: 3.5 };

/** What the database nodes say (judges.py, whose tests are in test/unit/cloud-init/services/patroni/). */
const may = (candidate?: string, reasons: Decision["reasons"] = []): Decision => ({
  go: true,
  reasons,
  request: { leader: "postgresql1", ...(candidate !== undefined && { candidate }) },
});
const mayNot = (...reasons: Decision["reasons"]): Decision => ({ go: false, reasons, request: null });

describe("plan of a switchover", () => {
  it("is what the database nodes say", () => {
    assert.deepEqual(planSwitchover(status(), may()), { from: "postgresql1", to: null });
    assert.deepEqual(planSwitchover(status(), may("postgresql3")), { from: "postgresql1", to: "postgresql3" });
  });

  it("does not wait for what would only be better", () => {
    assert.equal(planSwitchover(status(), may("postgresql3", [{ text: "postgresql2 is starting" }])).to, "postgresql3");
  });

  it("cuts long transactions when told to, and minds those of the leader only", () => {
    const busy = withLeader({ longTransactions: [open] });
    assert.equal(planSwitchover(busy, may(), { force: true }).to, null);
    assert.equal(planSwitchover(status({}, { longTransactions: [open] }), may()).to, null);
  });

  const cases: [string, Status, Decision, RegExp][] = [
    ["the nodes say no", status(), mayNot({ text: "nobody leads" }), /\n {2}- nobody leads$/],
    [
      "they say no for now",
      status(),
      mayNot({ text: "postgresql3 may hold on to it for up to 20 s more", passes: true }),
      /postgresql3 may hold on[^]*--wait SECONDS/,
    ],
    ["a pool is paused", status({ proxies: proxy(["app"]) }), may(), /haproxy1: PgBouncer holds app by PAUSE/],
    [
      "a transaction is open for long",
      withLeader({ longTransactions: [open, { ...open, pid: 78, user: "app_owner" }] }),
      may(),
      /transaction of app has been open for 3\.5 s \(pid 77 on postgresql1\)[^]*app_owner .*pid 78/,
    ],
    [
      "transactions are not known",
      withLeader({ longTransactions: null }),
      may(),
      /does not report its open transactions/,
    ],
  ];
  for (const [name, before, decision, message] of cases) {
    it(`is refused when ${name}`, () => {
      assert.throws(
        () => planSwitchover(before, decision),
        (error) =>
          error instanceof OpsError &&
          error.code === 1 &&
          /nothing was changed/.test(error.message) &&
          message.test(error.message),
      );
    });
  }

  it("tells every reason at once", () => {
    const bad = status({ proxies: proxy(["app"]) });
    const no = mayNot({ text: "etcd does not answer" }, { text: "nobody leads" });
    assert.throws(() => planSwitchover(bad, no), /etcd[^]*nobody leads[^]*haproxy1/);
  });
});

/** A cluster whose leader has a transaction open for long in the first N looks. */
function busyFor(looks: number) {
  let looked = 0;
  return fakeReached((node, script) => {
    if (isDecision(script)) return JSON.stringify(may());
    if (!script.includes("@@pgha")) return patroniCluster();
    if (node !== "postgresql1") return wholeAnswers()[node];
    return databaseAnswer(undefined, {}, looked++ < looks ? [open] : []);
  });
}

describe("preparing a switchover", () => {
  it("waits for what passes by itself", async () => {
    const plan = await prepareSwitchover(busyFor(1), { wait: 10 });
    assert.deepEqual(plan, { from: "postgresql1", to: null });
  });

  it("gives up when it does not pass in time", async () => {
    await assert.rejects(prepareSwitchover(busyFor(Infinity), { wait: 0 }), Refusal);
  });

  it("does not wait for what stays", async () => {
    const no = mayNot({ text: "there is no database node 'postgresql9'" });
    const reached = fakeReached((node, script) => {
      if (isDecision(script)) return { code: 1, stdout: JSON.stringify(no) };
      return script.includes("@@pgha") ? wholeAnswers()[node] : patroniCluster();
    });
    await assert.rejects(
      prepareSwitchover(reached, { wait: 600, to: "postgresql9" }),
      /no database node 'postgresql9'/,
    );
    const asked = reached.runner.asked.filter(({ script }) => isDecision(script));
    assert.deepEqual(asked, [
      { node: "postgresql1", script: "/usr/local/lib/pgha/decide.py switchover --to postgresql9" },
    ]);
  });
});

/** Nodes of a cluster in which Patroni gives this answer to a request, and these standbys come to lead. */
function answering(request: Answer, heirs = ["postgresql2"]) {
  let done = false;
  return fakeReached((node, script) => {
    if (script.includes("-X POST")) {
      done = true;
      return request;
    }
    if (script.includes("\\watch")) return heirs.includes(node) ? "t" : "f";
    if (script.includes("SHOW STATE")) return pausedAnswer();
    return done ? patroniCluster("postgresql2", { postgresql2: { timeline: 4 } }) : patroniCluster();
  });
}
const good = 'Successfully switched over to "postgresql2"\n200';

describe("a switchover", () => {
  const free = { from: "postgresql1", to: null };
  const named = { from: "postgresql1", to: "postgresql2" };
  const requests = ({ runner }: ReturnType<typeof answering>) =>
    runner.asked.filter(({ script }) => script.includes("-X POST"));

  it("is asked of Patroni on the leader, and awaited", async () => {
    const reached = answering(good);
    const result = await performSwitchover(reached, free);
    assert.deepEqual(
      { ...result, promoted: 0, whole: 0 },
      { ...named, timelineBefore: 3, timelineAfter: 4, promoted: 0, whole: 0 },
    );
    assert.deepEqual(
      requests(reached).map(({ node }) => node),
      ["postgresql1"],
    );
  });

  it("names a standby only if there is a plan to", async () => {
    const body = async (plan: typeof free | typeof named) => {
      const reached = answering(good);
      await performSwitchover(reached, plan);
      return /-X POST .*'(\{.*\})'/.exec(requests(reached)[0]!.script)?.[1];
    };
    assert.equal(await body(free), '{"leader":"postgresql1"}');
    assert.equal(await body(named), '{"leader":"postgresql1","candidate":"postgresql2"}');
  });

  it("keeps others from asking Patroni meanwhile", async () => {
    const reached = answering(good);
    await performSwitchover(reached, free);
    const file = join(mkdtempSync(join(tmpdir(), "pgha-lock-")), "lock");
    const script = requests(reached)[0]!
      .script.replace("/run/lock/pgha-switchover", file)
      .replace(/^curl .*$/m, "sleep 1; printf 'done\\n200'");
    const { stdout } = bash(`{ ${script}\n} & sleep 0.3; (${script}\n); wait`);
    rmSync(join(file, ".."), { recursive: true });
    assert.equal(stdout, "another switchover is under way\n409done\n200");
  });

  it("waits on the nodes in scripts that bash can read", async () => {
    const reached = answering(good);
    await performSwitchover(reached, free);
    for (const { script } of reached.runner.asked)
      assert.equal(bash(`bash -n -c '${script.replaceAll("'", `'\\''`)}'`).code, 0);
  });

  it("that Patroni refuses is told in its words", async () => {
    await assert.rejects(
      performSwitchover(answering("candidate is not in sync\n412"), named),
      /Patroni did not switch over: candidate is not in sync/,
    );
  });

  it("whose leader cannot be reached is told", async () => {
    await assert.rejects(
      performSwitchover(answering({ code: 255, unreachable: "timed out" }), named),
      /did not switch over: timed out/,
    );
  });

  it("that goes to another than was wanted is told", async () => {
    await assert.rejects(
      performSwitchover(answering(good, ["postgresql3"]), named),
      /postgresql3 leads now: Patroni chose it instead of postgresql2/,
    );
  });

  it("after which nobody leads is told", async () => {
    await assert.rejects(performSwitchover(answering(good, []), free), /no standby took over within 60 s/);
  });

  it("whose old leader does not come back is told", async () => {
    const { cluster, runner } = answering(good);
    const stays = {
      run: async (node: string, script: string) =>
        node === "postgresql1" && script.includes("\\watch")
          ? { code: 1, stdout: "", stderr: "" }
          : runner.run(node, script),
    };
    await assert.rejects(
      performSwitchover({ cluster, runner: stays }, free),
      /postgresql1 did not stream from postgresql2 within 60 s/,
    );
  });
});

describe("pools that are left paused", () => {
  /** Proxies of which the first is paused until it is resumed, if that works. */
  const proxies = (works: boolean) => {
    let paused = true;
    return fakeReached((node, script) => {
      if (works && script.includes("RESUME")) paused = false;
      return pausedAnswer({ paused: node === "haproxy1" && paused ? 1 : 0 });
    });
  };

  it("are not touched when there are none", async () => {
    const reached = fakeReached(() => pausedAnswer());
    assert.deepEqual(await resumePools(reached), []);
    assert.ok(reached.runner.asked.every(({ script }) => !script.includes("RESUME")));
  });

  it("are resumed, and told", async () => {
    const reached = proxies(true);
    assert.deepEqual(await resumePools(reached), ["haproxy1: PgBouncer still held app by PAUSE; it was resumed"]);
    const resumed = reached.runner.asked.filter(({ script }) => script.includes("RESUME"));
    assert.deepEqual(
      resumed.map(({ node }) => node),
      ["haproxy1"],
    );
    assert.match(resumed[0]!.script, /-c RESUME -c 'RESUME "app"'/);
  });

  it("are told when that does not help", async () => {
    assert.deepEqual(await resumePools(proxies(false)), [
      "haproxy1: PgBouncer still held app by PAUSE; it could not be resumed",
    ]);
  });
});

describe("pgha switchover", () => {
  /** Runs it, with a fake of what the nodes say. @returns exit code and what it printed */
  async function command(answer: (node: string, script: string) => Answer | undefined, options: object = {}) {
    const { log, error } = console;
    const out: string[] = [];
    const err: string[] = [];
    console.log = (text: string) => out.push(text);
    console.error = (text: string) => err.push(text);
    try {
      const code = await switchoverCommand(fakeReached(answer), { wait: 0, yes: true, ...options });
      return { code, out: out.join("\n"), err: err.join("\n") };
    } finally {
      Object.assign(console, { log, error });
    }
  }

  /** A whole cluster that switches over. @param paused whether haproxy1 is left paused after that */
  function cluster(paused = 0) {
    const { runner } = answering(good);
    return (node: string, script: string): Answer | undefined => {
      if (isDecision(script)) return JSON.stringify(may(/--to (\w+)/.exec(script)?.[1]));
      if (script.includes("@@pgha")) return wholeAnswers()[node];
      if (script.includes("SHOW STATE")) return pausedAnswer({ paused: node === "haproxy1" ? paused : 0 });
      return runner.answer(node, script);
    };
  }

  it("says who would hand over", async () => {
    assert.deepEqual(await command(cluster(), { dryRun: true }), {
      code: 0,
      out: "Nothing prevents a switchover from postgresql1 to the standby that is furthest ahead.",
      err: "",
    });
    const { out } = await command(cluster(), { dryRun: true, json: true, to: "postgresql2" });
    assert.deepEqual(JSON.parse(out), { from: "postgresql1", to: "postgresql2" });
  });

  it("says who leads now and how long it took", async () => {
    const { code, out } = await command(cluster());
    assert.equal(code, 0);
    assert.match(
      out,
      /^postgresql2 leads now, postgresql1 follows: timeline 3 -> 4\.\n.*writes after \d.*healthy after \d/,
    );
    assert.deepEqual(Object.keys(JSON.parse((await command(cluster(), { json: true })).out)), [
      "from",
      "to",
      "timelineBefore",
      "timelineAfter",
      "promoted",
      "whole",
    ]);
  });

  it("ends with 1 when a pool was left paused", async () => {
    const { code, err } = await command(cluster(1));
    assert.equal(code, 1);
    assert.match(err, /^pgha: haproxy1: PgBouncer still held app by PAUSE; it could not be resumed$/);
  });
});
