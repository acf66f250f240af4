import assert from "node:assert/strict";
import { askDecision } from "../../../ops/decide";
import { patroniCluster } from "../support/ops-answers";
import { fakeReached, unreachable, type Answer } from "../support/ops-fixture";

const no = { go: false, reasons: [{ text: "nobody leads", passes: false }], request: null };

describe("asking who may go next", () => {
  /** Nodes of a cluster that postgresql2 leads, and what each says. */
  const asked = (answers: Record<string, Answer>, cluster: Answer = patroniCluster("postgresql2")) =>
    fakeReached((node, script) => (script.includes("/decide.py") ? answers[node] : cluster));
  const nodesAsked = ({ runner }: ReturnType<typeof asked>) =>
    runner.asked.filter(({ script }) => script.includes("/decide.py")).map(({ node }) => node);

  it("asks the leader's node, in words that a shell leaves alone", async () => {
    const reached = asked({ postgresql2: { code: 1, stdout: JSON.stringify(no) } });
    assert.deepEqual(await askDecision(reached, "restart", "it's"), no);
    assert.deepEqual(reached.runner.asked.at(-1), {
      node: "postgresql2",
      script: `/usr/local/lib/pgha/decide.py restart 'it'\\''s'`,
    });
  });

  it("asks another one when that does not answer, or nobody leads", async () => {
    const reached = asked({ postgresql2: unreachable, postgresql1: JSON.stringify(no) });
    assert.deepEqual(await askDecision(reached, "order"), no);
    assert.deepEqual(nodesAsked(reached), ["postgresql2", "postgresql1"]);
    const without = asked({ postgresql1: JSON.stringify(no) }, { code: 22 });
    assert.deepEqual(await askDecision(without, "order"), no);
  });

  it("says what is to be done first on a cluster of an older release", async () => {
    const missing = { code: 127, stderr: "bash: /usr/local/lib/pgha/decide.py: No such file or directory" };
    const reached = asked({ postgresql1: missing, postgresql2: missing, postgresql3: unreachable });
    await assert.rejects(askDecision(reached, "order"), /have an older release, .*; run `npm run up` first$/);
  });

  it("says why nobody answers", async () => {
    const broken = { code: 1, stderr: "Traceback\nKeyError: 'ttl'" };
    const reached = asked({ postgresql1: broken, postgresql2: unreachable, postgresql3: broken });
    await assert.rejects(
      askDecision(reached, "order"),
      /postgresql2: connect to host timed out; postgresql1: KeyError: 'ttl'; /,
    );
  });
});
