import { nodesOf } from "../cluster";
import { askLeader, superuserSql, type Reached } from "../ask";
import { messageOf, OpsError } from "../errors";
import type { Throughput, ThroughputRun } from "../drill/model";
import { Pgbench } from "./pgbench";
import { rounds, setups } from "./plan";

export interface BenchSettings {
  clients: number[];
  /** Length of each run. */
  seconds: number;
  repeat: number;
  /** pgbench's scale factor. */
  scale: number;
  /** Ends the bench after the run under way; what was measured so far is the result. */
  signal: AbortSignal;
  /** Told before each run: how many are done, of how many, and which comes. */
  progress(done: number, all: number, run: ThroughputRun): void;
}

/**
 * Measures pgbench on the first proxy that can be reached, on every path and with every number of clients. A set-up that
 * cannot run is skipped, with the reason.
 * @throws OpsError when there is no leader or no proxy, or the tables cannot be made
 */
export async function bench(reached: Reached, settings: BenchSettings): Promise<Throughput> {
  const { seconds, repeat, scale, signal } = settings;
  const { synchronous } = reached.cluster.facts;
  const leader = await askLeader(reached);
  const free = await freeConnections(reached, leader.name);
  const runs = setups(settings.clients, synchronous === "quorum").map((setup): ThroughputRun => ({
    ...setup,
    tps: [],
    latency: [],
    failed: 0,
  }));
  for (const run of runs) {
    if (run.path !== "pgbouncer" && run.clients > free)
      run.skipped = `${run.clients} clients are more than the ${free} connections that PostgreSQL has free`;
  }
  const wanted = runs.filter(({ skipped }) => skipped === undefined);
  const pgbench = new Pgbench(reached, await firstProxy(reached), leader, scale);
  try {
    await pgbench.open();
    let done = 0;
    for (const { run } of rounds(wanted, repeat)) {
      if (signal.aborted) break;
      settings.progress(done++, wanted.length * repeat, run);
      if (run.skipped === undefined) await measure(pgbench, run, seconds, signal);
    }
  } finally {
    await pgbench.close();
  }
  return { seconds, repeat, scale, runs };
}

async function measure(pgbench: Pgbench, run: ThroughputRun, seconds: number, signal: AbortSignal): Promise<void> {
  try {
    const { tps, latency, failed } = await pgbench.measure(run, seconds);
    run.tps.push(tps);
    run.latency.push(latency);
    run.failed += failed;
  } catch (error) {
    // Ctrl-C ends the run as well, which says nothing of it.
    if (!signal.aborted) Object.assign(run, { tps: [], latency: [], skipped: messageOf(error) });
  }
}

/** Connections that PostgreSQL can still give to clients that are not superusers. */
async function freeConnections({ runner }: Reached, leader: string): Promise<number> {
  const sql =
    "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int" +
    " - current_setting('reserved_connections')::int - count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
  const { code, stdout, stderr, unreachable } = await runner.run(leader, superuserSql(sql));
  if (code !== 0) throw new OpsError(`${leader} does not report its connections: ${unreachable ?? stderr.trim()}`);
  return Number(stdout);
}

async function firstProxy({ cluster, runner }: Reached) {
  for (const proxy of nodesOf(cluster, "haproxy")) {
    const { code } = await runner.run(proxy.name, "command -v pgbench >/dev/null");
    if (code === 0) return proxy;
  }
  throw new OpsError("no proxy can be reached that has pgbench; `pgha status` shows the proxies");
}
