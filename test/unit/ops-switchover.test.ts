import assert from "node:assert/strict";
import { OpsError } from "../../ops/errors";
import type { DatabaseNode, Status } from "../../ops/status";
import { performSwitchover, planSwitchover } from "../../ops/switchover";
import { patroniCluster } from "./ops-answers";
import { fakeReached, type Answer } from "./ops-fixture";

const member = (name: string, change: Partial<DatabaseNode> = {}): DatabaseNode => ({
  name,
  reachable: true,
  problem: null,
  role: name === "postgresql1" ? "leader" : "quorum_standby",
  state: name === "postgresql1" ? "running" : "streaming",
  timeline: 3,
  lag: name === "postgresql1" ? null : 0,
  sync: name === "postgresql1" ? null : "quorum",
  pendingRestart: false,
  replayPaused: false,
  postgresql: "17.6",
  patroni: "4.1.4",
  ...change,
});

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
  database: [member("postgresql1"), member("postgresql2", second), member("postgresql3", third)],
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
  proxies: [],
  certificates: [],
  disks: [],
  warnings: [],
  ...change,
});

const sick = (healthy: number) => status().etcd.map((node, index) => ({ ...node, healthy: index < healthy }));

describe("plan of a switchover", () => {
  it("takes the standby that is wanted", () => {
    assert.deepEqual(planSwitchover(status(), true, "postgresql3"), { from: "postgresql1", to: "postgresql3" });
  });

  it("else takes the synchronous one that is least behind", () => {
    assert.equal(planSwitchover(status({}, { lag: 900 }, { lag: 10 }), true).to, "postgresql3");
    assert.equal(planSwitchover(status({}, { sync: "async" }), true).to, "postgresql3");
    assert.equal(planSwitchover(status(), true).to, "postgresql2");
  });

  it("bears with the loss of one etcd member of three", () => {
    assert.equal(planSwitchover(status({ etcd: sick(2) }), true).to, "postgresql2");
  });

  it("takes an asynchronous one where the stack wants none synchronous", () => {
    assert.equal(planSwitchover(status({}, { sync: "async" }), false).to, "postgresql2");
  });

  const cases: [string, Status, string | undefined, RegExp][] = [
    [
      "the target does not exist",
      status(),
      "postgresql9",
      /no database node 'postgresql9'; there are postgresql1, postgresql2, postgresql3/,
    ],
    ["the target leads", status(), "postgresql1", /postgresql1 leads already/],
    [
      "the target is unreachable",
      status({}, { reachable: false, problem: "timed out" }),
      "postgresql2",
      /postgresql2: timed out/,
    ],
    [
      "the target does not stream",
      status({}, { state: "starting" }),
      "postgresql2",
      /postgresql2 is starting, not streaming/,
    ],
    ["the target is asynchronous", status({}, { sync: "async" }), "postgresql2", /not synchronous/],
    ["the target is far behind", status({}, { lag: 5 * 1024 ** 2 }), "postgresql2", /5\.0 MiB behind/],
    ["the target's lag is unknown", status({}, { lag: null }), "postgresql2", /does not tell how far/],
    ["the target is on another timeline", status({}, { timeline: 2 }), "postgresql2", /another timeline \(2\)/],
    ["the target's replay is paused", status({}, { replayPaused: true }), "postgresql2", /replay paused/],
    ["nobody leads", status({ leader: null }), undefined, /no leader/],
    ["etcd has no quorum", status({ etcd: sick(1) }), undefined, /only 1 of 3 etcd members/],
    [
      "another one is scheduled",
      status({ switchover: { from: null, to: null, at: null } }),
      undefined,
      /another switchover/,
    ],
    [
      "no standby is fit",
      status({}, { state: "stopped" }, { sync: "async" }),
      undefined,
      /no standby can take over\n.*postgresql2 is stopped.*\n.*postgresql3 is not synchronous/,
    ],
  ];
  for (const [name, before, to, message] of cases) {
    it(`is refused when ${name}`, () => {
      assert.throws(
        () => planSwitchover(before, true, to),
        (error) =>
          error instanceof OpsError &&
          error.code === 1 &&
          /nothing was changed/.test(error.message) &&
          message.test(error.message),
      );
    });
  }

  it("tells every reason at once", () => {
    const bad = status({ etcd: sick(1), switchover: { from: null, to: null, at: null } }, { state: "stopped" });
    assert.throws(
      () => planSwitchover(bad, true, "postgresql2"),
      /etcd members[^]*another switchover[^]*postgresql2 is stopped/,
    );
  });
});

describe("a switchover", () => {
  const plan = { from: "postgresql1", to: "postgresql2" };

  /** Nodes of a cluster in which Patroni gives this answer to the request. */
  const answering = (request: Answer) => {
    let done = false;
    return fakeReached((node, script) => {
      if (script.includes("/switchover")) {
        assert.equal(node, "postgresql1");
        assert.match(script, /-X POST .*'\{"leader":"postgresql1","candidate":"postgresql2"\}'/);
        done = true;
        return request;
      }
      if (script.includes("SECONDS")) return "";
      return done ? patroniCluster("postgresql2", { postgresql2: { timeline: 4 } }) : patroniCluster();
    });
  };

  it("is asked of Patroni on the leader, and awaited", async () => {
    const result = await performSwitchover(answering('Successfully switched over to "postgresql2"\n200'), plan);
    assert.deepEqual(
      { ...result, promoted: 0, whole: 0 },
      { ...plan, timelineBefore: 3, timelineAfter: 4, promoted: 0, whole: 0 },
    );
  });

  it("that Patroni refuses is told in its words", async () => {
    await assert.rejects(
      performSwitchover(answering("candidate is not in sync\n412"), plan),
      /Patroni did not switch over: candidate is not in sync/,
    );
  });

  it("whose leader cannot be reached is told", async () => {
    await assert.rejects(
      performSwitchover(answering({ code: 255, unreachable: "timed out" }), plan),
      /did not switch over: timed out/,
    );
  });

  it("whose target never takes over is told", async () => {
    const reached = fakeReached((_, script) => {
      if (script.includes("-X POST")) return "ok\n200";
      if (script.includes("SECONDS")) return { code: 1 };
      return patroniCluster();
    });
    await assert.rejects(performSwitchover(reached, plan), /postgresql2 did not take over within 60 s/);
  });
});
