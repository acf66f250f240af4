import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { clocks } from "../../../../settings/clocks";
import { healScript, heal } from "../../../../ops/drill/heal";
import type { Power } from "../../../../ops/drill/power/model";
import { makeWorld } from "../../../../ops/drill/world";
import { OpsError } from "../../../../ops/errors";
import { fakeReached, unreachable, type Answer } from "../../support/ops-fixture";
import { bash, temporaryFolder } from "../../support/bash";

const power = (on: Power["on"], restoreDisk: Power["restoreDisk"] = () => Promise.resolve([])): Power => {
  const never = () => Promise.reject(new Error("a heal switches nothing off"));
  return { cannot: () => undefined, off: never, stop: never, freeze: never, on, restrictDisk: never, restoreDisk };
};

describe("healing after a drill", () => {
  const world = (answer: (node: string) => Answer, restored: Record<string, string[]> = {}) => {
    const reached = fakeReached(answer);
    const restore = power(({ name }) => Promise.resolve(restored[name] ?? []));
    return { ...makeWorld(reached, () => 0, restore), asked: reached.runner.asked };
  };

  it("asks every node, and says node by node what there was to undo", async () => {
    const here = world((node) => (node === "etcd1" ? "etcd was down\n" : ""), { postgresql2: ["it was off"] });
    assert.deepEqual(await heal(here), ["etcd1: etcd was down", "postgresql2: it was off"]);
    assert.equal(here.asked.length, 8);
  });

  it("says nothing where there was nothing", async () => assert.deepEqual(await heal(world(() => "")), []));

  it("may be about some nodes only", async () => {
    const here = world(() => "");
    await heal(here, here.reached.cluster.nodes.slice(0, 2));
    assert.deepEqual(
      here.asked.map(({ node }) => node),
      ["etcd1", "postgresql1"],
    );
  });

  it("waits for a machine that boots", async () => {
    let tries = 0;
    const here = world((node) => (node === "etcd2" && tries++ === 0 ? unreachable : ""));
    assert.deepEqual(await heal(here), []);
    assert.equal(tries, 2);
  });

  it("heals the others before it tells of one that it cannot", async () => {
    const here = world((node) => (node === "etcd2" ? { code: 1, stderr: "nft: no such thing" } : ""));
    await assert.rejects(heal(here), (error: Error) => {
      assert.ok(error instanceof OpsError);
      assert.match(error.message, /etcd2: nft: no such thing/);
      return true;
    });
    assert.equal(here.asked.length, 8);
  });
});

describe("healing inside a machine", () => {
  const folder = temporaryFolder();

  // Stand-ins for the programs, whose state is files in a folder: `cut`, `frozen`, and `off-UNIT` for a unit that is down.
  const programs: Record<string, string> = {
    nft: `case $1 in list) [ -e "$STATE/cut" ] ;; delete) rm "$STATE/cut" ;; *) exit 9 ;; esac`,
    pgrep: `[ -e "$STATE/frozen" ] && cat "$STATE/frozen"`,
    systemctl: `for unit; do :; done
case $1 in
  show) if [ -e "$STATE/off-$unit" ]; then echo inactive; else echo active; fi ;;
  start) rm "$STATE/off-$unit" ;;
  stop) exit 5 ;;
  *) exit 9 ;;
esac`,
  };
  before(() => {
    for (const [name, script] of Object.entries(programs))
      writeFileSync(join(folder(), name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  });

  const run = (script: string, state: Record<string, string>) => {
    const kept = join(folder(), "state");
    bash(`rm -rf ${kept}; mkdir ${kept}`);
    for (const [name, content] of Object.entries(state)) writeFileSync(join(kept, name), content);
    const env = { PATH: `${folder()}:${process.env.PATH}`, STATE: kept };
    const ran = [bash(script, { env }), bash(script, { env })];
    return { ran, left: readdirSync(kept) };
  };

  it("undoes a cut and starts what is down; a second time there is nothing to do", () => {
    const { ran, left } = run(healScript("haproxy", clocks.fast), { cut: "", "off-haproxy": "" });
    assert.deepEqual(ran, [
      { code: 0, stdout: "its network was cut\nhaproxy was down\n", stderr: "" },
      { code: 0, stdout: "", stderr: "" },
    ]);
    assert.deepEqual(left, []);
  });

  it("lets stopped processes go on", async () => {
    const stopped = spawn("sleep", ["20"]);
    const state = () => readFileSync(`/proc/${stopped.pid}/stat`, "utf8").split(" ")[2];
    try {
      stopped.kill("SIGSTOP");
      while (state() !== "T") await pause(5);
      const { ran } = run(healScript("postgresql", clocks.fast), { frozen: String(stopped.pid) });
      assert.equal(ran[0]!.stdout, "processes were stopped\n");
      assert.notEqual(state(), "T");
    } finally {
      stopped.kill("SIGKILL");
    }
  });

  it("fails when something cannot be undone", () => {
    const script = healScript("etcd", clocks.fast).replace("nft delete", "false");
    assert.notEqual(run(script, { cut: "" }).ran[0]!.code, 0);
  });
});
