import assert from "node:assert/strict";
import { OpsError } from "../../../ops/errors";
import { reinitCommand } from "../../../ops/reinit";
import { databaseAnswer, patroniCluster, wholeAnswers } from "../support/ops-answers";
import { fakeReached } from "../support/ops-fixture";

const isDecision = (script: string) => script.includes("/decide.py reinit postgresql2");

it("pgha reinit is refused with all that speaks against it", async () => {
  const no = { go: false, reasons: [{ text: "nobody leads" }, { text: "Patroni is paused" }], request: null };
  const reached = fakeReached((_, script) => {
    if (isDecision(script)) return { code: 1, stdout: JSON.stringify(no) };
    assert.match(script, /\/cluster/);
    return patroniCluster();
  });
  await assert.rejects(reinitCommand(reached, "postgresql2", { yes: true }), (error) => {
    assert.ok(error instanceof OpsError);
    assert.equal(error.message, "reinit refused, nothing was changed:\n  - nobody leads\n  - Patroni is paused");
    return true;
  });
});

it("pgha reinit has Patroni copy, and waits until the node streams", async () => {
  const states = ["streaming", "creating replica", "streaming"];
  const asked: string[] = [];
  let looks = 0;
  const reached = fakeReached((node, script) => {
    if (script.includes("/reinitialize")) {
      assert.equal(looks, 0);
      assert.match(script, /10\.88\.0\.22:8008\/reinitialize/);
      asked.push(`reinit ${node}`);
      return "reinitialize started";
    }
    if (isDecision(script)) return JSON.stringify({ go: true, reasons: [], request: null });
    if (script.startsWith("du ")) return "512\n";
    if (!script.includes("@@pgha")) return "";
    if (!node.startsWith("postgresql")) return wholeAnswers()[node]!;
    if (node === "postgresql1") looks++;
    return databaseAnswer(patroniCluster("postgresql1", { postgresql2: { state: states[Math.min(looks - 1, 2)] } }));
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
