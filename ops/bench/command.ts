import type { Reached } from "../ask";
import { exitCode, OpsError } from "../errors";
import { machineSize } from "../machine";
import { bench } from "./bench";
import { formatThroughput } from "./format";

export interface BenchOptions {
  /** Numbers of clients. @default 1, 16, 64, 256 */
  clients?: number[];
  /** Length of each run. @default 5 */
  seconds?: number;
  /** How often each run is repeated, interleaved with the others. @default 3 */
  repeat?: number;
  /** pgbench's scale factor. @default 10 */
  scale?: number;
  json?: boolean;
}

/** `pgha bench`. With `json`: a `Throughput` and the machine it was measured on. */
export async function benchCommand(reached: Reached, options: BenchOptions): Promise<number> {
  const { clients = [1, 16, 64, 256], seconds = 5, repeat = 3, scale = 10, json } = options;
  for (const [name, values] of Object.entries({ clients, seconds: [seconds], repeat: [repeat], scale: [scale] })) {
    if (values.length === 0 || values.some((value) => !Number.isInteger(value) || value < 1))
      throw new OpsError(`--${name} takes whole numbers from 1`);
  }
  const stop = new AbortController();
  const interrupted = () => {
    if (stop.signal.aborted) return;
    console.error("\nstopping: the run under way ends, then the tables are dropped");
    stop.abort();
  };
  process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  try {
    const machine = machineSize();
    const result = await bench(reached, {
      clients,
      seconds,
      repeat,
      scale,
      signal: stop.signal,
      progress: (done, all, run) =>
        console.error(`${done + 1}/${all}  ${run.work}, ${run.path}, ${run.commit}, ${run.clients} clients`),
    });
    if (json) console.log(JSON.stringify({ machine, ...result }, null, 2));
    else {
      for (const line of formatThroughput(result)) console.log(line);
      console.log(`${machine.cpus} CPUs (${machine.model}), which pgbench, the proxies and all of the cluster share.`);
    }
    return stop.signal.aborted || result.runs.some(({ failed }) => failed > 0) ? exitCode.bad : exitCode.ok;
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}
