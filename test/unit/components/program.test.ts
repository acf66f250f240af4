import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { runProgram } from "../support/program";

describe("a program under mocks", () => {
  it("ends with the error when a resource's input fails, though others wait for that resource", async () => {
    const program = () => {
      const length = pulumi.output(1).apply((): number => {
        throw new Error("no length");
      });
      const first = new random.RandomPassword("first", { length });
      new random.RandomPassword("second", { length: 8 }, { dependsOn: first });
    };
    await assert.rejects(runProgram(program, {}), /no length/);
  });

  it("leaves the process's source maps as they were", async () => {
    const before = process.sourceMapsEnabled;
    await runProgram(() => undefined, {});
    assert.equal(process.sourceMapsEnabled, before);
  });
});
