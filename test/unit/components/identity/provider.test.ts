import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { run } from "../../../../ops/process";
import { checkoutRoot } from "../../../../ops/env";
import { identity as provider } from "../../../../components/identity/provider";
import { identityOf } from "../../../../settings/identity";
import { resource } from "../../support/goldens";
import { runIndex } from "../../support/program";
import { stackConfig } from "../../support/config";
import { settings } from "../../support/settings";

const inputs = { identity: identityOf(settings()), replaces: {}, protect: false };
const moved = { ...inputs, identity: { ...inputs.identity, "network.cidr": "10.99.0.0/24" } };
const asked = { ...moved, replaces: { "network.cidr": "10.88.0.0/24" } };

describe("identity: provider", () => {
  it("notes what is new, with or without an identity before", async () => {
    assert.deepEqual(await provider.check({}, inputs), { inputs, failures: [] });
    assert.deepEqual(await provider.create(inputs), { id: "identity", outs: inputs });
  });

  it("refuses a change that is not asked for when it is checked, which is before anything is changed", async () => {
    const { failures } = await provider.check(inputs, moved);
    assert.equal(failures!.length, 1);
    // Pulumi shows a property that it does not find as `value {<nil>}`.
    assert.equal(failures![0]!.property, "");
    assert.match(failures![0]!.reason, /^pgha:network\.cidr is changed/);
    assert.deepEqual((await provider.check(inputs, asked)).failures, []);
  });

  it("takes a change that was asked for in place, and sees none when the asking is removed again", async () => {
    assert.deepEqual(await provider.diff("identity", inputs, inputs), { changes: false });
    assert.deepEqual(await provider.diff("identity", inputs, asked), { changes: true });
    assert.deepEqual(await provider.update("identity", inputs, asked), { outs: asked });
    assert.deepEqual(await provider.diff("identity", asked, moved), { changes: false });
  });

  it("notes whether what exists is protected, and judges by that", async () => {
    const guarded = { ...inputs, protect: true };
    assert.deepEqual(await provider.diff("identity", inputs, guarded), { changes: true });
    const { protect, ...unsaid } = inputs;
    assert.equal(protect, false);
    assert.deepEqual(await provider.diff("identity", unsaid, inputs), { changes: false }, "of the release before");
    const driver = { ...inputs.identity, driver: "aws" as const };
    const away = { ...inputs, identity: driver, replaces: { driver: "incus" } };
    assert.deepEqual((await provider.check(inputs, away)).failures, []);
    for (const [olds, news] of [
      [guarded, away],
      [unsaid, { ...away, protect: true }],
    ] as const) {
      assert.match((await provider.check(olds, news)).failures![0]!.reason, /is protected/);
    }
  });

  describe("the text in the state", () => {
    let text: string;
    before(async () => {
      text = String(resource(await runIndex(stackConfig("dev")), "pgha-identity").inputs.__provider);
    });
    const printed = (script: string, cwd: string) => run("node", ["-e", `${text} ${script}`], { cwd });

    it("finds it in whatever process and checkout", async () => {
      assert.ok(!text.includes(checkoutRoot));
      const changed = '{identity: {name: "a"}}, {identity: {name: "b"}, replaces: {}}';
      const script = `exports.handler().check(${changed}).then(({ failures }) => console.log(failures.length))`;
      assert.deepEqual(await printed(script, checkoutRoot), { code: 0, stdout: "1\n", stderr: "" });
    });

    it("lets the note go in a checkout of a release that has no identity", async () => {
      const script = "exports.handler().delete().then(() => console.log('gone'))";
      assert.deepEqual(await printed(script, tmpdir()), { code: 0, stdout: "gone\n", stderr: "" });
    });
  });
});
