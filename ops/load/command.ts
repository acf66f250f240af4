import { setTimeout as pause } from "node:timers/promises";
import type { Reached } from "../ask";
import { exitCode, OpsError } from "../errors";
import { liveLine, summary } from "./format";
import { Load, type LoadPath } from "./load";

export interface LoadOptions {
  /** How long, 24 hours at most. */
  seconds: number;
  /** Operations a second on each path; 0: none. */
  pooled: number;
  write: number;
  read: number;
  json?: boolean;
}

const mostSeconds = 24 * 3600;

/** Clients of each path, as many as an application of a few processes has. */
export const usualClients = { pooled: 12, write: 8, read: 6 };

/** `pgha load`. Ctrl-C ends it early; what was written is still compared, and cleared away. */
export async function loadCommand(reached: Reached, options: LoadOptions): Promise<number> {
  const { seconds, json } = options;
  if (seconds > mostSeconds) throw new OpsError(`a load runs ${mostSeconds} s at most`);
  const paths = (["pooled", "write", "read"] as const)
    .map((path): LoadPath => ({ path, rate: options[path], clients: usualClients[path] }))
    .filter(({ rate }) => rate > 0);

  const stop = new AbortController();
  const interrupted = () => {
    if (stop.signal.aborted) process.exit(130); // the table is removed by a later load
    console.error("\nstopping: compares and cleans up first; Ctrl-C again stops at once");
    stop.abort();
  };
  process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  try {
    const load = await Load.open(reached, { paths });
    try {
      load.start();
      const end = performance.now() + seconds * 1000;
      while (performance.now() < end && !stop.signal.aborted) {
        await pause(Math.min(1000, end - performance.now()), undefined, { signal: stop.signal }).catch(() => undefined);
        console.error(liveLine(seconds - (end - performance.now()) / 1000, load.snapshot()));
      }
      const slice = await load.stop();
      const verification = await load.verify("slice");
      const ok = verification.ok && slice.paths.every(({ acknowledged }) => acknowledged > 0);
      if (json) console.log(JSON.stringify({ stack: reached.cluster.stack, ok, slice, verification }, null, 2));
      else for (const line of summary(slice, verification)) console.log(line);
      return ok ? exitCode.ok : exitCode.bad;
    } finally {
      await load.close();
    }
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  }
}
