/** The stand-in for @pulumi/aws replaces what the real one replaces, and changes what it changes. */
import assert from "node:assert/strict";
import { plugin } from "../../../../simulator/plugins/aws";
import { changes } from "../../../../simulator/plugins/lib/diff";
import { UNKNOWN, type Value } from "../../../../simulator/plugins/lib/wire";
import { facts } from "./aws-facts";

describe("stand-in plugin aws: replaced or changed", () => {
  before(() => plugin.configure!({ region: "us-east-1", accessKey: "a", secretKey: "s", endpoints: [{}] }));

  const fate = (token: string, input: string, before: Value, after: Value) => {
    const found = changes(plugin.resources[token]!, { [input]: before }, { [input]: after }, {});
    const own = found.filter(({ path }) => path.startsWith(input));
    assert.ok(own.length > 0, `${token}: ${input} shows as changed`);
    return own.some(({ replace }) => replace) ? "replaced" : "changed";
  };

  for (const [token, { source, facts: list }] of Object.entries(facts)) {
    it(`${token.split(":").at(-1)}, as the real one does (${source})`, () => {
      for (const [input, expected, before, after] of list) {
        const what = `${input} from ${JSON.stringify(before)} to ${JSON.stringify(after)}`;
        assert.equal(fate(token, input, before, after), expected, what);
      }
    });
  }

  it("is a fact for every input that the stand-in takes", () => {
    for (const [token, { inputs }] of Object.entries(plugin.resources)) {
      const known = facts[token]?.facts.map(([input]) => input) ?? [];
      const missing = Object.entries(inputs)
        .filter(([input, { unsupported }]) => !unsupported && input !== "tags" && !known.includes(input))
        .map(([input]) => input);
      assert.deepEqual(missing, [], token);
    }
  });

  it("of a load balancer's subnets is told in a preview by those that are known alone", () => {
    const token = "aws:lb/loadBalancer:LoadBalancer";
    assert.equal(fate(token, "subnets", ["subnet-1", "subnet-2"], ["subnet-1", UNKNOWN]), "changed");
  });
});
