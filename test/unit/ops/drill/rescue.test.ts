import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../../../../ops/cluster";
import { checkoutRoot } from "../../../../ops/env";
import { rescueLog } from "../../../../ops/drill/rescue";
import { releaseLock, takeLock } from "../../../../ops/drill/lock";
import { fakeCluster } from "../../support/ops-fixture";
import { temporaryFolder } from "../../support/bash";
import { FakeEc2, machineIs } from "../../support/ec2";

const root = join(__dirname, "../../../..");

/** A drill that starts its rescuer, says what came of it, and dismisses it when it gets a line. */
const drillScript = `
const { startRescuer } = require(${JSON.stringify(join(root, "ops/drill/rescue"))});
const lines = require("node:readline").createInterface({ input: process.stdin })[Symbol.asyncIterator]();
(async () => {
  const rescuer = await startRescuer(JSON.parse((await lines.next()).value));
  console.log("ready");
  await lines.next();
  await rescuer.dismiss();
  process.exit();
})().catch((error) => { console.log(error.message); process.exit(1); });
`;

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; !condition(); await pause(50))
    if (Date.now() > deadline) assert.fail(`not within 15 s: ${what}`);
}

describe("the rescuer of a drill", function () {
  this.timeout(30_000);
  const tools = temporaryFolder();
  const started: ChildProcess[] = [];
  let cluster: Cluster;

  let ec2: FakeEc2;

  beforeEach(async () => {
    ec2 = await new FakeEc2(() => machineIs("running")).start();
    cluster = fakeCluster();
    cluster.facts.driver = "aws";
    for (const node of cluster.nodes) Object.assign(node, { instance: `i-${node.name}`, zone: "eu-central-1a" });
    writeFileSync(join(tools(), "ssh"), '#!/bin/sh\necho "$*" >>"$SSH_LOG"\n', { mode: 0o755 });
  });
  afterEach(() => {
    for (const drill of started.splice(0)) drill.kill("SIGKILL");
    return ec2.stop();
  });

  const sshLog = () => join(cluster.folder, "ssh.log");
  const locked = () => existsSync(join(cluster.folder, "drill.lock"));
  const said = () => (existsSync(rescueLog(cluster.folder)) ? readFileSync(rescueLog(cluster.folder), "utf8") : "");

  /** Starts a drill. @returns it, and the first that it says */
  async function startDrill(): Promise<{ drill: ChildProcess; answer: string }> {
    const drill = spawn(process.execPath, ["--require", join(checkoutRoot, "loader.cjs"), "-e", drillScript], {
      cwd: root,
      env: { ...process.env, PATH: `${tools()}:${process.env.PATH}`, SSH_LOG: sshLog() },
      stdio: ["pipe", "pipe", "inherit"],
    });
    started.push(drill);
    drill.stdin!.write(`${JSON.stringify(cluster)}\n`);
    const answer = await new Promise<string>((resolve) => {
      drill.stdout!.once("data", (text) => resolve(String(text).trim()));
      drill.once("exit", (code) => resolve(`exit code ${code}`));
    });
    return { drill, answer };
  }

  it("heals every node when the drill is killed, and gives the lock back", async () => {
    const { drill, answer } = await startDrill();
    assert.equal(answer, "ready");
    assert.ok(locked());
    drill.kill("SIGKILL");
    await until(() => !locked(), "the lock is free");
    const calls = readFileSync(sshLog(), "utf8");
    for (const { name } of cluster.nodes) assert.match(calls, new RegExp(`${name} sudo -n bash -c`));
    assert.deepEqual(
      ec2.asked.map((question) => question["InstanceId.1"]).sort(),
      cluster.nodes.map(({ name }) => `i-${name}`).sort(),
    );
    assert.match(calls, /nft delete table inet pgha_drill/);
    assert.match(said(), /the drill was interrupted\n.*healed: nothing to undo\n/);
  });

  it("does nothing when the drill dismisses it", async () => {
    const { drill } = await startDrill();
    drill.stdin!.write("end\n");
    await until(() => drill.exitCode !== null, "the drill has ended");
    assert.equal(drill.exitCode, 0);
    assert.equal(locked(), false);
    assert.equal(existsSync(sshLog()), false);
  });

  it("lets no second drill begin", async () => {
    const { drill } = await startDrill();
    const second = await startDrill();
    assert.equal(second.answer, `another drill runs on this cluster (process ${drill.pid})`);
    assert.ok(locked());
    drill.stdin!.write("end\n");
    await until(() => !locked(), "the lock is free");
    const third = await startDrill();
    assert.equal(third.answer, "ready");
    third.drill.stdin!.write("end\n");
    await until(() => !locked(), "the lock is free");
  });

  it("takes the lock of a dead one over, also when its number belongs to another process now", () => {
    const ours = { rescuer: process.pid, drill: process.pid };
    assert.equal(takeLock(tools(), ours), undefined);
    // This process does not have the folder among its arguments.
    assert.equal(takeLock(tools(), { rescuer: 1, drill: 1 }), undefined);
    releaseLock(tools());
    assert.equal(existsSync(join(tools(), "drill.lock")), false);
  });
});
