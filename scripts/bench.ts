/**
 * `npm run bench [-- --sizes 3,5,7] [-- --seconds 60]`: the figures of README, measured on stacks of their own beside
 * whatever runs. Prints the machine's size, then one line per figure.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { loadCluster, writePrivate, type Cluster } from "../ops/cluster";
import { machineSize } from "../ops/machine";
import { query } from "../simulator/sql";
import { TestStack } from "../simulator/stack";
import { checkoutRoot, pulumiEnv } from "../ops/env";
import { setup } from "./setup";

const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(1);
const print = (figure: string, value: string) => console.log(`${figure.padEnd(58)} ${value}`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { sizes: { type: "string", default: "3,5,7" }, seconds: { type: "string", default: "60" } },
  });
  const sizes = values.sizes.split(",").map(Number);
  if (sizes.some((size) => !Number.isInteger(size) || size < 2 || size > 9))
    throw new Error("--sizes takes counts from 2 to 9: 3,5,7");
  await setup();
  const { cpus, model, memoryGiB } = machineSize();
  print("machine", `${cpus} x ${model}, ${memoryGiB} GiB`);
  for (const size of sizes) await measure(size, size === sizes[0] ? Number(values.seconds) : 0);
}

/** One stack from nothing to nothing. @param load seconds of pgbench; 0: none */
async function measure(size: number, load: number): Promise<void> {
  const stack = new TestStack("test-bench", {
    driver: "incus",
    name: "pgha-bench",
    nodes: { etcd: 3, postgresql: size, haproxy: 2 },
    network: { cidr: "10.91.0.0/24" },
    ports: { write: 19500, read: 19501, stats: 19700, pooled: 19632, pooledRead: 19732 },
  });
  try {
    await stack.init();
    let started = performance.now();
    await stack.up();
    print(`up from nothing, ${size} database nodes: until up returns`, `${seconds(started)} s`);
    const cluster = await loadCluster(stack.name);
    await query(cluster, "ownerUrl", "CREATE TABLE bench (id int PRIMARY KEY)");
    await query(cluster, "pooledUrl", "INSERT INTO bench VALUES (1)");
    print(`up from nothing, ${size} database nodes: to first committed write`, `${seconds(started)} s`);

    started = performance.now();
    const said = await stack.up("--expect-no-changes");
    const unchanged = /(\d+) unchanged/.exec(said)?.[1];
    print(`up with nothing to do, ${size} database nodes`, `${seconds(started)} s, 0 changes, ${unchanged} unchanged`);

    if (load > 0) await pgbench(cluster, load);

    started = performance.now();
    await stack.mustPulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    const left = await stack.leftovers();
    print(`destroy, ${size} database nodes`, `${seconds(started)} s, ${left.length} left`);
  } finally {
    await stack.remove();
  }
}

/** pgbench through PgBouncer, and what it wrote read back through the read port. */
async function pgbench(cluster: Cluster, load: number): Promise<void> {
  const pooled = new URL(cluster.outputs.pooledUrl);
  const owner = new URL(cluster.outputs.ownerUrl);
  const passwords = join(cluster.folder, "pgbench.pgpass");
  const entry = ({ username, password }: URL) => `*:*:*:${username}:${password}\n`;
  writePrivate(passwords, entry(pooled) + entry(owner));
  const run = async (...args: string[]) => {
    const to = ["-h", pooled.hostname, "-p", pooled.port, "-U", owner.username];
    const env = { ...pulumiEnv(), PGPASSFILE: passwords, PGSSLMODE: "require" };
    const all = [...to, ...args, owner.pathname.slice(1)];
    return promisify(execFile)("pgbench", all, { cwd: checkoutRoot, env, timeout: (load + 300) * 1000 });
  };
  const started = performance.now();
  await run("-i", "-q", "-s", "10");
  print("pgbench -i -s 10 through the pooled port", `${seconds(started)} s`);
  const { stdout } = await run("-T", String(load), "-c", "16", "-j", "2", "-M", "prepared");
  const figure = (pattern: RegExp) => pattern.exec(stdout)?.[1] ?? "not printed";
  const processed = figure(/transactions actually processed: (\d+)/);
  print(
    `pgbench -T ${load} -c 16 -M prepared through the pooled port`,
    `${figure(/tps = ([\d.]+)/)} tps, ${processed} transactions, ${figure(/failed transactions: (\d+)/)} failed`,
  );
  const deadline = Date.now() + 30_000;
  let rows: number;
  do {
    rows = Number((await query(cluster, "readUrl", "SELECT count(*) FROM pgbench_history"))[0]?.count);
  } while (rows !== Number(processed) && Date.now() < deadline);
  if (rows !== Number(processed)) throw new Error(`the read port shows ${rows} of ${processed} rows`);
  print("rows of it read back through the read port", String(rows));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
