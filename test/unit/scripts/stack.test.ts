import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { releaseDeadLocks } from "../../../scripts/stack";
import { temporaryFolder } from "../support/bash";

describe("a stack that somebody works on", () => {
  const folder = temporaryFolder();
  const lock = (pid: number, host: string) =>
    writeFileSync(
      join(folder(), "lock.json"),
      JSON.stringify({ pid, username: "ann", hostname: host, timestamp: "2026-11-30T18:00:00Z" }),
    );

  it("is refused in our words: who it is, and to wait", async () => {
    const pulumi = spawn("sleep", ["60"], { argv0: "pulumi" });
    try {
      await once(pulumi, "spawn");
      lock(pulumi.pid!, hostname());
      await assert.rejects(
        releaseDeadLocks("dev", folder()),
        /stack dev, since 2026-11-30T18:00:00Z \(process \d+, started by ann\)\. Wait until it/,
      );
    } finally {
      pulumi.kill();
    }
  });

  it("on another machine is Pulumi's to judge", async () => {
    lock(process.pid, `not-${hostname()}`);
    await releaseDeadLocks("dev", folder());
  });
});
