import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { caFile, knownBy } from "../../../ops/cluster";
import { endpointsOf } from "../../../ops/endpoints";
import { remember, remembered, stateStamp } from "../../../ops/remembered";
import { configOf } from "../../../ops/ssh";
import { temporaryFolder } from "../support/bash";
import { behindBastion, fakeCluster, fakeOutputs } from "../support/ops-fixture";

describe("what is remembered of a cluster", () => {
  const folder = temporaryFolder();
  const stack = "test-remembered";
  const { facts, outputs } = fakeCluster();
  const known = knownBy(stack, { ...facts, name: "pgha-test-remembered" });
  const cluster = { ...known, outputs };
  const backend = () => `file://${folder()}?metadata=skip`;
  const state = () => join(folder(), ".pulumi", "stacks", "pgha", `${stack}.json`);
  const memory = join(known.folder, "facts.json");
  let before: string | undefined;

  /** The state as Pulumi leaves it: secrets are encrypted anew. */
  function write(given: object, secret: string): void {
    const sealed = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: secret };
    const resources = [{ type: "pulumi:pulumi:Stack", outputs: { cluster: given, writeUrl: sealed } }];
    const time = new Date().toISOString();
    writeFileSync(state(), JSON.stringify({ checkpoint: { latest: { manifest: { time, secret }, resources } } }));
  }

  beforeEach(() => {
    before = process.env.PULUMI_BACKEND_URL;
    process.env.PULUMI_BACKEND_URL = backend();
    mkdirSync(dirname(state()), { recursive: true });
    write(facts, "v1:one");
    for (const file of [configOf(known), caFile(known)]) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "");
    }
  });
  afterEach(() => {
    if (before === undefined) delete process.env.PULUMI_BACKEND_URL;
    else process.env.PULUMI_BACKEND_URL = before;
    rmSync(known.folder, { recursive: true, force: true });
    rmSync(caFile(known), { force: true });
  });

  it("counts while the outputs are those that they were, however often an `up` wrote them", () => {
    assert.equal(remembered(stack), undefined);
    remember(cluster, stateStamp(stack));
    const shown = { cluster: known, endpoints: endpointsOf(cluster) };
    assert.deepEqual(remembered(stack), shown);
    write(facts, "v1:two");
    assert.deepEqual(remembered(stack), shown);
    write({ ...facts, sshKey: "another one" }, "v1:two");
    assert.equal(remembered(stack), undefined);
  });

  it("counts for nothing without the state, or without the files for ssh and the CA's", () => {
    for (const file of [configOf(known), caFile(known)]) {
      remember(cluster, stateStamp(stack));
      rmSync(file);
      assert.equal(remembered(stack), undefined);
      writeFileSync(file, "");
      assert.notEqual(remembered(stack), undefined);
    }
    rmSync(state());
    assert.equal(remembered(stack), undefined);
  });

  it("holds nothing secret, and is nobody else's", () => {
    remember(cluster, stateStamp(stack));
    const { ssh, statsPassword, ownerUrl } = fakeOutputs();
    const text = readFileSync(memory, "utf8");
    assert.doesNotMatch(text, /s3cret/);
    for (const secret of [ssh.privateKey, statsPassword, ownerUrl]) assert.ok(!text.includes(secret));
    assert.equal(statSync(memory).mode & 0o777, 0o600);
  });

  it("is nothing where the state is kept elsewhere, and where a bastion may have a key that no output tells", () => {
    assert.equal(stateStamp(stack, "s3://bucket"), undefined);
    assert.equal(stateStamp("organization/pgha/dev", backend()), undefined);
    remember(cluster, undefined);
    assert.equal(remembered(stack), undefined);
    remember({ ...cluster, facts: behindBastion().facts }, stateStamp(stack));
    assert.equal(remembered(stack), undefined);
  });
});
