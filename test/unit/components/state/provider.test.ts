import assert from "node:assert/strict";
import { givenSum } from "../../../../cloud-init/drift";
import type { Way } from "../../../../components/ssh";
import { differencesIn, nodeStateProvider } from "../../../../components/state/provider";

const shown = { script: "script", files: { "/etc/a": "a\n# root:root 0644\n" }, secrets: "sum" };
const sum = givenSum(shown);
const connection = { host: "10.0.0.1", user: "pgha", privateKey: "key", hostKey: "ssh-ed25519 A" };
const inputs = {
  node: "etcd1",
  connection,
  ...shown,
  hostKeys: { "10.0.0.1": "ssh-ed25519 A", "10.0.0.2": "ssh-ed25519 B" },
};

describe("differences of a node", () => {
  it("are none when it is at its settings", () => {
    assert.deepEqual(differencesIn(`converged ${sum}\n`, sum), []);
  });
  it("are what the node says", () => {
    assert.deepEqual(differencesIn(`converged ${sum}\n/etc/a is missing\nx does not run (failed)\n`, sum), [
      "/etc/a is missing",
      "x does not run (failed)",
    ]);
  });
  it("begin with a step that did not come to its end", () => {
    assert.deepEqual(differencesIn("converged none\nx does not run (failed)\n", sum), [
      "its last change did not come to its end",
      "x does not run (failed)",
    ]);
    assert.deepEqual(differencesIn("", sum), ["its last change did not come to its end"]);
  });
  it("are other settings than these", () => {
    assert.deepEqual(differencesIn("converged 1\n", sum), ["is not at these settings"]);
  });
});

describe("NodeState", () => {
  const asked: Way[] = [];
  const provider = (answer: string | undefined) => {
    asked.length = 0;
    return nodeStateProvider(async (way) => {
      asked.push(way);
      return answer;
    });
  };
  const differences = async (answer: string | undefined, olds: object = inputs) => {
    const made = provider(answer);
    const checked = (await made.check(olds, inputs)).inputs as typeof inputs & { differences: string[] };
    const { changes } = await made.diff("id", { found: "1" }, checked);
    assert.equal(changes, checked.differences.length > 0);
    return checked.differences;
  };

  it("is not looked at before it is made", async () => {
    assert.deepEqual(await differences("converged none", {}), []);
    assert.deepEqual(asked, []);
  });

  it("of a node that cannot be reached is taken to be as it should", async () => {
    assert.deepEqual(await differences(undefined), []);
  });

  it("changes when something is found", async () => {
    assert.deepEqual(await differences(`converged ${sum}`), []);
    assert.deepEqual(await differences("converged none"), ["its last change did not come to its end"]);
  });

  it("has all nodes looked at once, each with its own host key and once only", async () => {
    const made = provider(`converged ${sum}`);
    await made.check(inputs, inputs);
    await made.check(inputs, { ...inputs, connection: { ...connection, host: "10.0.0.2", hostKey: "ssh-ed25519 B" } });
    assert.deepEqual(
      asked.map(({ host, hostKey }) => [host, hostKey]),
      Object.entries(inputs.hostKeys),
    );
  });

  it("gives its converge step another input at every change", async () => {
    const made = provider("");
    const found = [await made.create(), await made.update(), await made.update()].map(({ outs }) => outs!.found);
    assert.equal(new Set(found).size, 3);
  });
});
