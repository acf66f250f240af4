import assert from "node:assert/strict";
import {
  asksForState,
  condition,
  evaluate,
  filled,
  truthy,
  type Value,
} from "../../../../simulator/github/expressions";

const contexts = {
  github: { ref: "refs/heads/main", event: { number: 7, draft: false } },
  vars: {},
  needs: { tools: { result: "success", outputs: {} } },
};
const functions = { cancelled: () => false, success: () => true };
const worth = (source: string): Value => evaluate(source, { contexts, functions });

describe("expressions of workflows", () => {
  it("are worth what GitHub makes of them", () => {
    const expected: [string, Value][] = [
      ["'it''s'", "it's"],
      ["github.ref == 'REFS/HEADS/MAIN'", true],
      ["github.event.number != 7", false],
      ["!cancelled() && needs.tools.result != 'skipped'", true],
      ["'' || 'ubuntu'", "ubuntu"],
      ["'own' || 'ubuntu'", "own"],
      ["'a' && 'b'", "b"],
      ["'' && 'b'", ""],
      ["false || true && false", false],
      ["(false || true) && !github.event.draft", true],
      ["success() == false", false],
      ["vars.NOT_SET", ""],
      ["null", null],
    ];
    for (const [source, value] of expected) assert.deepEqual(worth(source), value, source);
  });

  it("fail where something is not there, which GitHub would take for an empty text", () => {
    assert.throws(
      () => worth("needs.tools.outputs.sha256"),
      /there is no needs\.tools\.outputs\.sha256 in the expression/,
    );
    assert.throws(() => worth("needs.check.result"), /there is no needs\.check/);
    assert.throws(() => worth("matrix.stack"), /there is no context matrix here/);
    assert.throws(() => worth("always()"), /there is no always\(\) here/);
  });

  it("fail where they are not known, or wrong", () => {
    for (const source of ["github.ref[0]", "a > b", "'open", "contains(github.ref, 'x')", "(true", "true true", "1 =="])
      assert.throws(() => worth(source), { name: "NotKnown" }, source);
    assert.throws(() => worth("github.event.number == 'seven'"), /compares 7 with "seven"/);
    assert.throws(() => filled("all of ${{ github.event }}", { contexts }), /in a text/);
  });

  it("are filled into texts", () => {
    assert.equal(filled("pr-${{ github.event.number }}-${{ vars.X }}.", { contexts }), "pr-7-.");
  });

  it("of an if stand in ${{ }} or not, and ask for the state of what was before or have success() asked for them", () => {
    assert.equal(truthy(worth(condition("${{ !cancelled() }}"))), true);
    assert.equal(truthy(worth(condition("vars.X != ''"))), false);
    assert.throws(() => condition("${{ true }} && false"), /is always true/);
    assert.deepEqual(["!cancelled()", "github.ref == 'success'", "always()"].map(asksForState), [true, false, true]);
  });
});
