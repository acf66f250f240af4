import assert from "node:assert/strict";
import type { RestartOrder } from "../../../ops/decide";
import { OpsError } from "../../../ops/errors";
import { restartCommand } from "../../../ops/restart";
import { patroniCluster, pausedAnswer, wholeAnswers } from "../support/ops-answers";
import { fakeReached, type Answer } from "../support/ops-fixture";

/** A cluster led by postgresql1, in which some nodes wait for a restart; postgresql2 takes over when asked to. */
class Waiting {
  readonly done: string[] = [];
  /** As Patroni does it: a leader becomes a standby by a restart. */
  restartsWhenItGivesWay = true;
  private leader = "postgresql1";
  private readonly pending: Set<string>;

  constructor(
    pending: string[],
    private readonly change: Partial<RestartOrder> = {},
  ) {
    this.pending = new Set(pending);
  }

  answer(node: string, script: string): Answer | undefined {
    if (script.includes("/turn")) {
      assert.match(
        script,
        new RegExp(`turn bash -c '/usr/local/lib/pgha/decide.py restart ${node} && curl .*restart_pending`),
      );
      this.pending.delete(node);
      this.done.push(`restart ${node}`);
      return "";
    }
    if (script.includes("-X POST")) {
      this.done.push(`switchover from ${node}`);
      this.leader = "postgresql2";
      if (this.restartsWhenItGivesWay) this.pending.delete(node);
      return "Switched over\n200";
    }
    if (script.includes("/decide.py order")) return JSON.stringify(this.order());
    if (script.includes("/decide.py switchover"))
      return JSON.stringify({ go: true, reasons: [], request: { leader: this.leader } });
    if (script.includes("@@pgha")) return wholeAnswers()[node]!;
    if (script.includes("SHOW STATE")) return pausedAnswer();
    if (script.includes("\\watch")) return node === "postgresql2" ? "t" : "f";
    if (script.includes("/cluster")) return patroniCluster(this.leader);
    return "";
  }

  private order(): RestartOrder {
    const order = ["postgresql2", "postgresql3", "postgresql1"].filter((name) => this.pending.has(name));
    return { go: true, reasons: [], request: null, order, leader: this.leader, leader_first: false, ...this.change };
  }
}

/** Runs the command. @returns its exit code and what it printed */
async function restart(cluster: Waiting): Promise<{ code: number; out: string }> {
  const { log } = console;
  const out: string[] = [];
  console.log = (text: string) => out.push(text);
  const reached = fakeReached((node, script) => cluster.answer(node, script));
  try {
    return { code: await restartCommand(reached, { yes: true }), out: out.join("\n") };
  } finally {
    console.log = log;
  }
}

describe("pgha restart", () => {
  it("restarts the standbys first, and the leader after it has handed over", async () => {
    const cluster = new Waiting(["postgresql1", "postgresql2", "postgresql3"]);
    const { code, out } = await restart(cluster);
    assert.equal(code, 0);
    assert.deepEqual(cluster.done, ["restart postgresql2", "restart postgresql3", "switchover from postgresql1"]);
    assert.match(out, /postgresql2 leads now, postgresql1 follows\.\npostgresql1 has restarted/);
  });

  it("restarts the old leader once more when it still waits for that", async () => {
    const cluster = new Waiting(["postgresql1"]);
    cluster.restartsWhenItGivesWay = false;
    await restart(cluster);
    assert.deepEqual(cluster.done, ["switchover from postgresql1", "restart postgresql1"]);
  });

  it("restarts nobody else", async () => {
    const cluster = new Waiting(["postgresql3"]);
    await restart(cluster);
    assert.deepEqual(cluster.done, ["restart postgresql3"]);
  });

  it("restarts the leader first, and in place, when a parameter is lowered that standbys may not have lower", async () => {
    const cluster = new Waiting(["postgresql1", "postgresql2"]);
    const answer = cluster.answer.bind(cluster);
    cluster.answer = (node, script) => {
      const said = answer(node, script);
      if (!script.includes("/decide.py order")) return said;
      const order = JSON.parse(said as string) as RestartOrder;
      return JSON.stringify({ ...order, leader_first: true, order: order.order.reverse() });
    };
    await restart(cluster);
    assert.deepEqual(cluster.done, ["restart postgresql1", "restart postgresql2"]);
  });

  it("does nothing when nothing waits", async () => {
    const cluster = new Waiting([]);
    assert.deepEqual(await restart(cluster), { code: 0, out: "Nothing waits for a restart." });
    assert.deepEqual(cluster.done, []);
  });

  it("is refused with all that speaks against it, also what is only better waited for", async () => {
    for (const go of [false, true]) {
      const cluster = new Waiting(["postgresql2"], { go, reasons: [{ text: "postgresql3 is stopped" }] });
      await assert.rejects(restart(cluster), (error) => {
        assert.ok(error instanceof OpsError);
        assert.equal(error.message, "restart refused, nothing was changed:\n  - postgresql3 is stopped");
        return true;
      });
      assert.deepEqual(cluster.done, []);
    }
  });

  it("says what has come between by the time of a node's turn", async () => {
    const cluster = new Waiting(["postgresql2"]);
    const answer = cluster.answer.bind(cluster);
    const no = JSON.stringify({ go: false, reasons: [{ text: "no other standby confirms commits" }], request: null });
    cluster.answer = (node, script) =>
      script.includes("/turn") ? { code: 1, stdout: `${no}\n`, stderr: "Error: exit status 1" } : answer(node, script);
    await assert.rejects(restart(cluster), /postgresql2 was not restarted: no other standby confirms commits;/);
  });

  it("says what went wrong on a node", async () => {
    const cluster = new Waiting(["postgresql2"]);
    const answer = cluster.answer.bind(cluster);
    cluster.answer = (node, script) =>
      script.includes("/turn") ? { code: 22, stderr: "curl: (22) 503" } : answer(node, script);
    await assert.rejects(restart(cluster), /postgresql2 was not restarted: curl: \(22\) 503/);
  });
});
