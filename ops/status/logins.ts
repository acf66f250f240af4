import { journalOfService, type ServiceName } from "../../cloud-init/services";
import type { NodeOutput } from "../../components/outputs";
import type { ReachedNodes } from "../ask";
import { nodesOf } from "../cluster";
import { quote } from "../process";
import type { FailedLogins } from "./model";

/** A login that a daemon has refused, and where it saw the client. */
export interface Failure {
  /** Seconds since the epoch. */
  at: number;
  /** The node that refused. */
  node: string;
  role: string;
  address: string;
  /** The client's port; 0: a socket on the node itself. */
  port: number;
}

/** A session through a proxy: where it came from, and where the server sees it come from. `address:port`. */
export interface Session {
  at: number;
  /** The proxy. */
  node: string;
  from: string;
  as: string;
}

/** How far back is looked, as journalctl has it. */
const since = "-1h";
/** Lines of each node that are read at most, the newest. An attack leaves more; how many does not matter then. */
const most = 2000;
/** Kinds of clients that are shown. */
const shown = 5;
/** A session is logged before its login has failed, by this at most, in seconds: PostgreSQL's own limit and more. */
const longestLogin = 120;

/** A service's lines of the last hour that match, the newest first, each with its time. Those read when time is up are what there is. */
const lines = (service: ServiceName, pattern: string) =>
  `timeout 2 journalctl -q --no-pager -o short-unix ${journalOfService(service)} --since ${since} -r -n ${most} -g ${quote(pattern)} || true`;

/** What PgBouncer tells a client whom it does not let in. Whom it lets wait, or turns away for lack of room, is another matter. */
const pgbouncerRefusals =
  "SASL authentication failed|no authentication method is found|login rejected|not allowed|bouncer config error|no such (user|database)|" +
  "username too long|database name too long|SSL required|TLS required|client_login_timeout";

/** The same of PostgreSQL. */
const postgresqlRefusals =
  "\\w+ authentication failed for user|no pg_hba.conf entry for|pg_hba.conf rejects|canceling authentication due to timeout|" +
  'role "[^"]*" (does not exist|is not permitted to log in)|connection requires a valid client certificate';

const questions: Partial<Record<NodeOutput["role"], string>> = {
  haproxy: lines("pgbouncer", `pooler error: (${pgbouncerRefusals})`),
  postgresql: lines("patroni", `FATAL: +(${postgresqlRefusals})`),
};

/** `seconds host ident[pid]: text`, as `journalctl -o short-unix` prints it. */
const entry = /^(\d+\.\d+) \S+ [^:]+: (.*)$/;

/** Reads entries, each by `read`; what it does not know is left out. */
function read<T>(printed: string, of: (text: string, at: number) => T | undefined): T[] {
  return printed.split("\n").flatMap((line) => {
    const [, at, text] = entry.exec(line) ?? [];
    const found = text === undefined ? undefined : of(text, Number(at));
    return found === undefined ? [] : [found];
  });
}

/** Failures in what PgBouncer wrote. It does not know the name of a role that is not there. */
export const pgbouncerFailures = (node: string, printed: string): Failure[] =>
  read(printed, (text, at) => {
    const [, user, address, port] = /^C-\w+: [^/]*\/(.*)@([\d.a-f:]+):(\d+) pooler error: /.exec(text) ?? [];
    if (!address) return undefined;
    return { at, node, role: user === "(nouser)" ? "an unknown role" : user!, address, port: Number(port) };
  });

/** Of a new cluster: its proxies ask for passwords before the first leader has made their role. */
const tooEarly = 'role "pgbouncer" does not exist';

/**
 * Failures in what PostgreSQL wrote. A client chooses its name, line ends included, and the name stands in the prefix: where
 * PostgreSQL says itself whom it refused, that is what counts.
 */
export const postgresqlFailures = (node: string, printed: string): Failure[] =>
  read(printed, (text, at) => {
    const [, prefix, name, words] = /^\[\d+\] (\S+) (.*?)@\S* FATAL: {2}(.*)$/.exec(text) ?? [];
    if (words === undefined || words === tooEarly || !new RegExp(`^(${postgresqlRefusals})`).test(words))
      return undefined;
    const [, host, port] = /^(.+)\((\d+)\)$/.exec(prefix!) ?? [];
    const said = /\bhost "([^"]*)"/.exec(words)?.[1];
    const role = /\b(?:user|role) "([^"]*)/.exec(words)?.[1] ?? name!;
    if (said !== undefined && said !== host) return { at, node, role, address: said, port: 0 };
    return { at, node, role, address: host ?? node, port: Number(port ?? 0) };
  });

/** Sessions in what HAProxy wrote (cloud-init/services/haproxy/section.ts, `clientLine`). */
export const sessions = (node: string, printed: string): Session[] =>
  read(printed, (text, at) => {
    const [, from, as] = /^client (\S+) as (\S+) by /.exec(text) ?? [];
    return from && as ? { at, node, from, as } : undefined;
  });

/** Where a client really is, by the sessions it may have come through: one proxy's, twice when it had to wait for a leader. */
export function trueAddress({ at, node, address, port }: Failure, through: Session[]): string {
  let seen = `${address}:${port}`;
  for (let hop = 0; hop < 3; hop++) {
    const local = seen.startsWith("127.");
    const [last] = through
      .filter((session) => session.as === seen && (!local || session.node === node))
      .filter((session) => session.at <= at + 1 && session.at > at - longestLogin)
      .sort((a, b) => b.at - a.at);
    if (!last) break;
    seen = last.from;
    node = last.node;
  }
  return seen.slice(0, seen.lastIndexOf(":"));
}

/** Counts failures by role and address, most first. */
export function summarise(failures: Failure[], through: Session[], nodes: NodeOutput[], capped: boolean): FailedLogins {
  const counts = new Map<string, FailedLogins["most"][number]>();
  for (const failure of failures) {
    const role = plain(failure.role);
    const address = trueAddress(failure, through);
    const known = nodes.find((node) => node.address === address)?.name ?? null;
    const key = `${role} ${address}`;
    const kind = counts.get(key) ?? { role, address, node: known, count: 0 };
    counts.set(key, { ...kind, count: kind.count + 1 });
  }
  const sorted = [...counts.values()].sort((a, b) => b.count - a.count || a.role.localeCompare(b.role));
  return { count: failures.length, capped, most: sorted.slice(0, shown) };
}

/** A name that a client has chosen, so that it does no harm on a terminal. */
export const plain = (name: string) => {
  const safe = name.replaceAll(/[^\x20-\x7e]/g, "?");
  return safe.length > 40 ? `${safe.slice(0, 40)}...` : safe;
};

/** Failed logins of the last hour, on all nodes that can be asked. */
export async function failedLogins({ cluster, runner }: ReachedNodes): Promise<FailedLogins> {
  const proxies = nodesOf(cluster, "haproxy");
  const ask = async (node: NodeOutput, script: string) =>
    (await runner.run(node.name, script, { timeout: 6000 })).stdout;
  const answers = await Promise.all(
    [...proxies, ...nodesOf(cluster, "postgresql")].map(async (node) => {
      const printed = await ask(node, questions[node.role]!);
      const failures = node.role === "haproxy" ? pgbouncerFailures : postgresqlFailures;
      return { failures: failures(node.name, printed), capped: printed.split("\n").length > most };
    }),
  );
  const failures = answers.flatMap((answer) => answer.failures);
  // Of the many sessions HAProxy has logged, those that a refused login came by.
  const ours = new Set(["127.0.0.1", ...proxies.map(({ address }) => address)]);
  const asked = failures.filter(({ address, port }) => port > 0 && ours.has(address));
  const ports = [...new Set(asked.map(({ port }) => port))];
  const through =
    ports.length === 0
      ? []
      : await Promise.all(
          proxies.map(async (node) =>
            // Both hops of a session that waited: the second one's client is the first one's server.
            sessions(
              node.name,
              await ask(node, lines("haproxy", `^client .* as .*:(${ports.join("|")}) by|by \\w+ to hold `)),
            ),
          ),
        );
  return summarise(
    failures,
    through.flat(),
    cluster.nodes,
    answers.some(({ capped }) => capped),
  );
}
