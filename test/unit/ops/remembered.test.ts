import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { knownBy } from "../../../ops/cluster";
import { remember, remembered, stateStamp } from "../../../ops/remembered";
import { configOf } from "../../../ops/ssh";
import { temporaryFolder } from "../support/bash";
import { fakeCluster, fakeOutputs } from "../support/ops-fixture";

describe("what is remembered of a cluster", () => {
  const folder = temporaryFolder();
  const stack = "test-remembered";
  const known = knownBy(stack, fakeCluster().facts);
  const backend = () => `file://${folder()}?metadata=skip`;
  const state = () => join(folder(), ".pulumi", "stacks", "pgha", `${stack}.json`);
  const memory = join(known.folder, "facts.json");
  let before: string | undefined;

  beforeEach(() => {
    before = process.env.PULUMI_BACKEND_URL;
    process.env.PULUMI_BACKEND_URL = backend();
    mkdirSync(dirname(state()), { recursive: true });
    writeFileSync(state(), "state");
    mkdirSync(known.folder, { recursive: true });
    writeFileSync(configOf(known), "");
  });
  afterEach(() => {
    if (before === undefined) delete process.env.PULUMI_BACKEND_URL;
    else process.env.PULUMI_BACKEND_URL = before;
    rmSync(known.folder, { recursive: true, force: true });
  });

  it("counts while the state is the one that it was", () => {
    assert.equal(remembered(stack), undefined);
    remember(known, stateStamp(stack));
    assert.deepEqual(remembered(stack), known);
    writeFileSync(state(), "another state");
    assert.equal(remembered(stack), undefined);
  });

  it("counts for nothing without the state, or without the files for ssh", () => {
    remember(known, stateStamp(stack));
    rmSync(configOf(known));
    assert.equal(remembered(stack), undefined);
    writeFileSync(configOf(known), "");
    rmSync(state());
    assert.equal(remembered(stack), undefined);
  });

  it("holds nothing secret, and is nobody else's", () => {
    remember(known, stateStamp(stack));
    const { ssh, statsPassword, ownerUrl } = fakeOutputs();
    const text = readFileSync(memory, "utf8");
    for (const secret of [ssh.privateKey, statsPassword, ownerUrl]) assert.ok(!text.includes(secret));
    assert.equal(statSync(memory).mode & 0o777, 0o600);
  });

  it("is nothing where the state is kept elsewhere", () => {
    assert.equal(stateStamp(stack, "s3://bucket"), undefined);
    assert.equal(stateStamp("organization/pgha/dev", backend()), undefined);
    remember(known, undefined);
    assert.equal(remembered(stack), undefined);
  });
});
