/** The way of a session through a proxy, from what PostgreSQL sees of it back to its client: by the sessions that are there now. */
import { journalOfService } from "../../cloud-init/services";
import type { ClusterOutput, NodeOutput } from "../../components/outputs";
import { pgbouncerConsole, poolersOf, type ReachedNodes } from "../ask";
import { nodesOf } from "../cluster";
import { parseCsv } from "./csv";
import { parseSections, scriptOf, type Sections } from "./probe";

/** One step of it, on a proxy. Both are `address:port`. */
export interface Hop {
  node: string;
  /** Where the next one sees it come from. */
  as: string;
  /** Where it comes from. */
  from: string;
  pooled: boolean;
}

/** A session as PostgreSQL sees it; null: by a socket of the node itself. */
export interface Seen {
  address: string | null;
  port: number | null;
}

/** Where a session comes from, as far as it is known, and whether PgBouncer is on its way. */
export function originOf({ address, port }: Seen, hops: Hop[]): { client: string | null; proxy: string | null } {
  if (address === null) return { client: null, proxy: null };
  let seen = `${address}:${port}`;
  let at: string | undefined;
  let proxy: string | null = null;
  // At most PgBouncer's door, PgBouncer, and twice HAProxy's: a connection that waited for a leader has gone round once.
  for (let step = 0; step < 5; step++) {
    const local = seen.startsWith("127.");
    const hop = hops.find((one) => one.as === seen && (!local || one.node === at));
    if (!hop) break;
    [seen, at] = [hop.from, hop.node];
    if (hop.pooled) proxy = hop.node;
  }
  return { client: seen.slice(0, seen.lastIndexOf(":")), proxy };
}

/** Sessions that a proxy tells of at most, in each of two answers. */
const mostSessions = 5000;

/**
 * HAProxy's sessions, the newest first, as it has logged them: where each comes from and where its server sees it come from. PgBouncer's
 * by themselves: few, and older than the last thousands of others. Not by `show sess all`: Debian's HAProxy 3.0.11 dies of it (perhaps
 * of what HAProxy's commit 8dae4f7c0 mends), and with it go all that it serves.
 */
const haproxySessions = ["^client .* by (pool|homes|hold) to ", "^client "]
  .map(
    (pattern) =>
      `timeout 4 journalctl -q --no-pager -o cat ${journalOfService("haproxy")} -r -n ${mostSessions} -g '${pattern}' || true`,
  )
  .join("; ");

/** Each PgBouncer is asked by itself: what it calls its clients is known to itself alone. */
const questions = (cluster: ClusterOutput): Record<string, string> => ({
  haproxy: haproxySessions,
  ...Object.fromEntries(
    poolersOf(cluster).flatMap((pooler, index) => [
      [`servers${index}`, pgbouncerConsole([pooler], 5, "SHOW SERVERS")],
      [`clients${index}`, pgbouncerConsole([pooler], 5, "SHOW CLIENTS")],
    ]),
  ),
});

/** A proxy's hops, from its answers to `questions`. */
export function readHops(node: string, sections: Sections): Hop[] {
  const haproxy = (sections.get("haproxy") ?? "").split("\n").flatMap((line): Hop[] => {
    const [, from, as] = /^client (\S+:\d+) as (\S+:\d+) by /.exec(line) ?? [];
    return from && as ? [{ node, as, from, pooled: false }] : [];
  });
  const poolers = [...sections.keys()].flatMap((name) => /^servers(\d+)$/.exec(name)?.[1] ?? []);
  return [...haproxy, ...poolers.flatMap((pooler) => pooledHops(node, sections, pooler))];
}

function pooledHops(node: string, sections: Sections, pooler: string): Hop[] {
  const rows = (name: string) => parseCsv(sections.get(`${name}${pooler}`) ?? "");
  const clients = new Map(rows("clients").map((row) => [row.ptr, `${row.addr}:${row.port}`]));
  return rows("servers").flatMap(({ local_addr: address, local_port: port, link }): Hop[] => {
    const from = clients.get(link);
    return from ? [{ node, as: `${address}:${port}`, from, pooled: true }] : [];
  });
}

/** Asks the proxies by which any of these sessions have come. Nobody is asked when there are none. */
export async function hopsOf({ cluster, runner }: ReachedNodes, sessions: Seen[]): Promise<Hop[]> {
  const through = nodesOf(cluster, "haproxy").filter((proxy) =>
    sessions.some((seen) => seen.address === proxy.address),
  );
  const ask = async ({ name }: NodeOutput) =>
    readHops(
      name,
      parseSections((await runner.run(name, scriptOf(questions(cluster.facts)), { timeout: 10_000 })).stdout),
    );
  return (await Promise.all(through.map(ask))).flat();
}
