import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Path, Slice, Verification } from "../../../ops/load/model";
import { checkoutRoot, pulumiEnv } from "../../../ops/env";
import type { Status } from "../../../ops/status";
import { until, type TestStack } from "../../../simulator/stack";

const many = { pooled: 50, write: 20, read: 20 };

interface LoadOptions {
  /** A node that is removed meanwhile: what it holds cannot be read back. @default none */
  leaves?: string;
  /** Whose `pgha load` is used: clients know a cluster as the release did that made it. @default this one's */
  checkout?: string;
  /** How many clients there are. @default so many that a change which cuts one in a hundred is seen */
  clients?: Record<Path, number>;
}

/**
 * Does something while clients write and read on every port. No transaction on the pooled port may fail, and nothing that was
 * acknowledged may be lost.
 */
export async function underLoad<T>(stack: TestStack, deed: () => Promise<T>, options: LoadOptions = {}): Promise<T> {
  const load = startLoad(stack, options);
  await load.runs;
  const started = Date.now();
  let done: T;
  try {
    done = await deed();
    console.log(`      took ${((Date.now() - started) / 1000).toFixed(1)} s`);
  } catch (error) {
    await load.stop().catch(() => undefined);
    throw error;
  }
  const { slice, verification } = await load.stop();
  // The load's were the last sessions in them: PgBouncer's have left.
  await until("HAProxy's old workers to end with their sessions", 30, () => noOldWorkers(stack));
  for (const { path, acknowledged, failed, unknown, longestGap, errors } of slice.paths) {
    const gap = `longest time without an answer ${(longestGap.ms / 1000).toFixed(2)} s`;
    console.log(`      ${path}: ${acknowledged} acknowledged, ${failed + unknown} failed, ${gap}`);
    for (const error of errors) console.log(`        ${error.count} x ${error.class}: ${error.example}`);
  }
  const { leaves } = options;
  assert.deepEqual(
    verification.faults.filter((fault) => !leaves || !fault.startsWith(`${leaves} could not be compared`)),
    [],
  );
  const pooled = slice.paths.find(({ path }) => path === "pooled")!;
  assert.ok(pooled.acknowledged > 200, `${pooled.acknowledged} writes through the pooled port`);
  assert.deepEqual([pooled.failed, pooled.unknown], [0, 0], JSON.stringify(pooled.errors));
  return done;
}

async function noOldWorkers(stack: TestStack): Promise<boolean> {
  const { proxies } = JSON.parse((await stack.pgha("status", "--json")).stdout) as Status;
  return proxies.every(({ haproxy }) => haproxy?.oldWorkers?.length === 0);
}

/** `pgha load` of a checkout, in a process of its own. */
export function startLoad(stack: TestStack, { checkout = checkoutRoot, clients = many }: LoadOptions = {}) {
  const args = [join(checkout, "ops/pgha.cjs"), "load", "--stack", stack.name, "--seconds", "600", "--json"];
  const numbers = Object.entries(clients).flatMap(([path, count]) => [`--${path}`, String(count)]);
  const child = spawn("node", [...args, ...numbers], {
    cwd: checkout,
    env: pulumiEnv(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const runs = new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
      if (/pooled [1-9]\d*\/s/.test(stderr)) resolve();
    });
    child.on("close", (code) => reject(new Error(`the load ended with ${code}: ${stderr}`)));
  });
  return {
    /** Done once writes are acknowledged. */
    runs,
    async stop(): Promise<{ slice: Slice; verification: Verification }> {
      child.kill("SIGINT");
      await ended;
      assert.ok(stdout, stderr);
      return JSON.parse(stdout) as { slice: Slice; verification: Verification };
    },
  };
}
