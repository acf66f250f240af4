import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { notBelowLeader } from "../../../cloud-init/services/patroni/leader-first";
import { OpsError } from "../../../ops/errors";
import { restartCommand, type PendingReason } from "../../../ops/restart";
import { databaseAnswer, etcdAnswer, patroniCluster, pausedAnswer, wholeAnswers } from "../support/ops-answers";
import { fakeReached, unreachable, type Answer } from "../support/ops-fixture";

const raised: PendingReason = { shared_buffers: { old_value: "128MB", new_value: "256MB" } };
const lowered: PendingReason = { max_connections: { old_value: "200", new_value: "100" } };

/** A cluster led by postgresql1, in which some nodes wait for a restart; postgresql2 takes over when asked to. */
class Waiting {
  readonly done: string[] = [];
  /** As Patroni does it: a leader becomes a standby by a restart. */
  restartsWhenItGivesWay = true;
  private leader = "postgresql1";
  private readonly pending: Set<string>;

  constructor(
    pending: string[],
    private readonly reason = raised,
    private readonly overrides: Record<string, Answer> = {},
  ) {
    this.pending = new Set(pending);
  }

  answer(node: string, script: string): Answer | undefined {
    if (script.includes("/turn")) {
      assert.match(script, /"restart_pending": true/);
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
    if (script.includes("@@pgha")) return this.overrides[node] ?? this.probe(node);
    if (script.includes("SHOW STATE")) return pausedAnswer();
    if (script.includes("\\watch")) return node === "postgresql2" ? "t" : "f";
    if (script.includes("/cluster")) return patroniCluster(this.leader);
    return JSON.stringify({ pending_restart_reason: this.reason });
  }

  private probe(node: string): string {
    if (!node.startsWith("postgresql")) return wholeAnswers()[node]!;
    return databaseAnswer(patroniCluster(this.leader), this.pending.has(node) ? { pending_restart: true } : {});
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
    const cluster = new Waiting(["postgresql1", "postgresql2"], lowered);
    await restart(cluster);
    assert.deepEqual(cluster.done, ["restart postgresql1", "restart postgresql2"]);
  });

  it("does nothing when nothing waits", async () => {
    const cluster = new Waiting([]);
    assert.deepEqual(await restart(cluster), { code: 0, out: "Nothing waits for a restart." });
    assert.deepEqual(cluster.done, []);
  });

  const refused: [string, Record<string, Answer>, RegExp][] = [
    ["a node is away", { postgresql3: unreachable }, /postgresql3: connect to host timed out/],
    [
      "a standby is not synchronous",
      { postgresql1: databaseAnswer(patroniCluster("postgresql1", { postgresql2: { role: "replica" } })) },
      /postgresql2 is not synchronous/,
    ],
    [
      "etcd has no quorum",
      { etcd1: etcdAnswer(11, { healthy: false }), etcd2: etcdAnswer(12, { healthy: false }) },
      /etcd has no quorum/,
    ],
    [
      "a switchover is under way",
      { etcd1: etcdAnswer(11, { switchover: '{"leader":"postgresql1"}' }) },
      /a switchover is under way/,
    ],
  ];
  for (const [what, overrides, message] of refused) {
    it(`is refused when ${what}`, async () => {
      const cluster = new Waiting(["postgresql2"], raised, overrides);
      await assert.rejects(restart(cluster), (error) => {
        assert.ok(error instanceof OpsError);
        assert.match(error.message, /^restart refused, nothing was changed:/);
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(cluster.done, []);
    });
  }

  it("says what went wrong on a node", async () => {
    const cluster = new Waiting(["postgresql2"]);
    const answer = cluster.answer.bind(cluster);
    cluster.answer = (node, script) =>
      script.includes("/turn") ? { code: 22, stderr: "curl: (22) 503" } : answer(node, script);
    await assert.rejects(restart(cluster), /postgresql2 was not restarted: curl: \(22\) 503/);
  });
});

it("the converge step knows the same parameters as the commands that a leader restarts first for", () => {
  const script = readFileSync("cloud-init/converge/postgresql.sh", "utf8");
  const [, list] = /select\(\.key \| IN\((.*?)\)\)/.exec(script)!;
  assert.deepEqual(JSON.parse(`[${list}]`), notBelowLeader);
});
