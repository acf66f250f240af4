import assert from "node:assert/strict";
import { declaredBy } from "../../../policy/declared";
import type { Values } from "../../../policy/rule";
import { rules } from "../../../policy/rules";
import { stackConfig } from "../support/config";
import { runIndex } from "../support/program";

/** What the rules say of the program with this configuration: "rule (resource): what to do". */
async function judged(stack: string, config: Record<string, string>): Promise<string[]> {
  const { resources } = await runIndex(config, { stack });
  const declared = declaredBy(config, stack);
  return [...resources.values()].flatMap(({ type, name, inputs: props, protect, ignoreChanges }) =>
    rules.flatMap(({ name: rule, faults }) =>
      faults({ type, props, protect, ignoreChanges }, declared).map((fault) => `${rule} (${name}): ${fault}`),
    ),
  );
}

/** The stack's committed settings with others under `pgha:aws`; undefined takes one away. */
function changed(stack: string, aws: Values): Record<string, string> {
  const config = stackConfig(stack);
  const now = { ...(JSON.parse(config["pgha:aws"]!) as Values), ...aws };
  return { ...config, "pgha:aws": JSON.stringify(now) };
}

describe("policy and the program", function () {
  this.timeout(120_000);

  for (const stack of ["staging", "prod"]) {
    it(`has nothing against ${stack}`, async () => assert.deepEqual(await judged(stack, stackConfig(stack)), []));
  }

  it("has nothing against an endpoint for everybody that the settings declare", async () => {
    assert.deepEqual(await judged("staging", changed("staging", { public: true, clients: ["0.0.0.0/0"] })), []);
  });

  it("refuses a prod whose settings forget to protect it", async () => {
    const faults = await judged("prod", changed("prod", { protect: undefined }));
    for (const part of ["volume", "instance", "balancer"])
      assert.ok(
        faults.some((fault) => fault.includes(part)),
        `${part}: ${faults.join("\n")}`,
      );
    for (const fault of faults) assert.match(fault, /^production-protected /);
  });
});
