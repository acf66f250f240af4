import { pgbouncerConsole, poolersOf, type Reached } from "../ask";
import { nodesOf } from "../cluster";
import { pausedPools, showPaused } from "../status/paused";

/**
 * Ends every PAUSE that is left on a proxy. After a switchover there should be none: the new leader ends it, else the proxy's
 * own timer.
 * @returns what was found, one line each
 */
export async function resumePools({ cluster, runner }: Reached): Promise<string[]> {
  const ask = showPaused(cluster.facts, 2);
  const found = nodesOf(cluster, "haproxy").map(async ({ name }) => {
    const held = pausedPools((await runner.run(name, ask)).stdout);
    if (held.length === 0) return [];
    // The one for all of them and those for single ones are different things to PgBouncer; it complains of what is not paused.
    const commands = ["RESUME", ...held.map((database) => `RESUME "${database}"`)];
    const resume = poolersOf(cluster.facts).map((one) => `${pgbouncerConsole([one], 2, ...commands)} >/dev/null 2>&1`);
    const left = pausedPools((await runner.run(name, [...resume, ask].join("; "))).stdout);
    const now = left.length === 0 ? "it was resumed" : "it could not be resumed";
    return [`${name}: PgBouncer still held ${held.join(", ")} by PAUSE; ${now}`];
  });
  return (await Promise.all(found)).flat();
}
