import assert from "node:assert/strict";
import { OpsError } from "../../../ops/errors";
import { judgeReinit, reinitCommand } from "../../../ops/reinit";
import type { DatabaseNode, Status } from "../../../ops/status";
import { databaseAnswer, patroniCluster, wholeAnswers } from "../support/ops-answers";
import { fakeReached } from "../support/ops-fixture";
import { databaseNode } from "../support/status";

const etcd = [1, 2, 3].map((n) => ({ name: `etcd${n}`, healthy: true }));
const status = (second: Partial<DatabaseNode> = {}, third: Partial<DatabaseNode> = {}, more: Partial<Status> = {}) =>
  ({
    leader: "postgresql1",
    database: [databaseNode("postgresql1"), databaseNode("postgresql2", second), databaseNode("postgresql3", third)],
    etcd,
    etcdMembers: [],
    paused: false,
    switchover: null,
    ...more,
  }) as unknown as Status;

describe("whether a standby may be copied again", () => {
  const away: Partial<DatabaseNode> = { state: "stopped", sync: null, role: "replica" };
  it("depends on no more than this: it does not lead, and commits are confirmed", () => {
    judgeReinit(status(), "postgresql2", true);
    judgeReinit(status(away), "postgresql2", true);
    judgeReinit(status({}, away), "postgresql2", false);
    // Nobody confirms commits as it is.
    judgeReinit(status(away, away), "postgresql2", true);
  });

  for (const [what, name, found, said] of [
    ["the leader", "postgresql1", status(), /postgresql1 leads; `pgha switchover` first/],
    ["the only one that confirms", "postgresql2", status({}, away), /only standby that confirms commits/],
    ["one out of reach", "postgresql2", status({ reachable: false, problem: "no route" }), /unreachable: no route/],
    ["any without a leader", "postgresql2", status({}, {}, { leader: null }), /nobody leads/],
    ["any without etcd", "postgresql2", status({}, {}, { etcd: [] }), /etcd has no quorum/],
    ["any in maintenance", "postgresql2", status({}, {}, { paused: true }), /Patroni is paused/],
    ["what is not there", "postgresql9", status(), /postgresql9 is no database node; there are postgresql1, /],
  ] as [string, string, Status, RegExp][]) {
    it(`is refused for ${what}`, () => {
      assert.throws(
        () => judgeReinit(found, name, true),
        (error) => error instanceof OpsError && said.test(error.message),
      );
    });
  }
});

it("pgha reinit has Patroni copy, and waits until the node streams", async () => {
  const states = ["streaming", "streaming", "creating replica", "streaming"];
  const asked: string[] = [];
  let looks = 0;
  const reached = fakeReached((node, script) => {
    if (script.includes("/reinitialize")) {
      assert.equal(looks, 1);
      assert.match(script, /10\.88\.0\.22:8008\/reinitialize/);
      asked.push(`reinit ${node}`);
      return "reinitialize started";
    }
    if (script.startsWith("du ")) return "512\n";
    if (!script.includes("@@pgha")) return "";
    if (!node.startsWith("postgresql")) return wholeAnswers()[node]!;
    if (node === "postgresql1") looks++;
    return databaseAnswer(patroniCluster("postgresql1", { postgresql2: { state: states[Math.min(looks - 1, 3)] } }));
  });
  const { log } = console;
  const out: string[] = [];
  console.log = (text: string) => out.push(text);
  try {
    assert.equal(await reinitCommand(reached, "postgresql2", { yes: true }), 0);
  } finally {
    console.log = log;
  }
  assert.deepEqual(asked, ["reinit postgresql2"]);
  assert.match(out.at(-1)!, /^postgresql2 streams from the leader again, after [\d.]+ s\.$/);
}).timeout(10_000);
