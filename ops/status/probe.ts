import { driftProgram } from "../../cloud-init/drift";
import { servicesOf, unitsOf, type ServiceName } from "../../cloud-init/services";
import { tls } from "../../settings/tls";
import type { ClusterOutput, NodeOutput } from "../../components/outputs";
import type { Known } from "../cluster";
import { etcdctl, etcdEndpoint, onePooler, patroniCurl, pgbouncerConsole, poolersOf, superuserSql } from "../ask";
import type { Runner } from "../ssh";
import { byHandSettings } from "./by-hand";
import { commitSettings } from "./commits";
import { showPaused } from "./paused";
import { transactionQuestions } from "./open";

/** What the commands of a probe printed, by section; a section is missing when its command failed. */
export type Sections = Map<string, string>;

/** A node's answer to one round of questions. */
export interface Probe {
  node: NodeOutput;
  /** Why it could not be asked. */
  unreachable?: string;
  sections: Sections;
}

const marker = "@@pgha";

/** What PostgreSQL is asked in one session, as JSON. */
const databaseQuestions = (database: string) =>
  `SELECT json_build_object('transactions', (${longTransactions(database)}), 'commits', (${commitSettings(database)}), ` +
  `'open', (${transactionQuestions.open}), 'idle', (${transactionQuestions.idle}), 'byHand', (${byHandSettings}))`;

/** How long a daemon, and psql beside it, may take to answer, seconds. Less is not a sign of trouble on a machine that is busy. */
const patience = 5;

/** Clients' transactions that have been open for more than 1 s, the oldest first. */
const longTransactions = (database: string) => `SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT pid, usename AS user, round(extract(epoch FROM clock_timestamp() - xact_start), 1) AS seconds FROM pg_stat_activity
  WHERE datname = '${database}' AND backend_type = 'client backend' AND clock_timestamp() - xact_start > interval '1 s'
  ORDER BY xact_start LIMIT 5) t`;

/** Those that started before their units were written: `outdated` in cloud-init/converge/common.sh, which leaves them running. */
const outdated = (
  cluster: ClusterOutput,
) => `cd /etc/systemd/system && for s in ${["haproxy", ...poolersOf(cluster).map(({ unit }) => unit)].join(" ")}; do
  started=$(systemctl show --timestamp=unix -P ExecMainStartTimestamp $s)
  for f in $s.service $s.service.d/pgha.conf; do
    [ ! -e $f ] || [ "$(stat -c %Y $f)" -le "\${started#@}" ] || echo $s
  done
done`;

/** Shell commands by the names of their sections. */
type Questions = Record<string, string>;

/** What each service is asked on its node. Whether its unit runs is asked of all. */
const asked: Record<ServiceName, (node: NodeOutput, cluster: ClusterOutput) => Questions> = {
  etcd: (node, { name: scope }) => ({
    health: etcdctl(etcdEndpoint(node), "endpoint health -w json"),
    status: etcdctl(etcdEndpoint(node), "endpoint status -w json"),
    // Without a quorum, too.
    members: etcdctl(etcdEndpoint(node), "member list --consistency=s -w json"),
    alarms: etcdctl(etcdEndpoint(node), "alarm list -w json"),
    // A switchover under way is in etcd only; Patroni tells of scheduled ones.
    switchover: etcdctl(etcdEndpoint(node), `get --print-value-only /service/${scope}/failover`),
  }),
  witness: () => ({}),
  patroni: (node, { database }) => ({
    patroni: patroniCurl(node, "/patroni", `--max-time ${patience}`),
    cluster: patroniCurl(node, "/cluster"),
    // When it lets nobody in, its words are the answer. Beside one they would only be in its way.
    postgresql: `timeout ${patience} ${superuserSql(databaseQuestions(database.name))} 2>"$d/.refusal" || cat "$d/.refusal"`,
  }),
  guard: () => ({}),
  haproxy: (_, cluster) => ({
    version: "haproxy -v | head -n 1",
    stat: `echo 'show stat' | timeout ${patience} socat -t ${patience} - /run/haproxy/admin.sock`,
    workers: `echo 'show proc' | timeout ${patience} socat -t ${patience} - /run/haproxy/master.sock`,
    outdated: outdated(cluster),
  }),
  pgbouncer: (_, cluster) => ({
    pools: pgbouncerConsole(poolersOf(cluster), patience, "SHOW POOLS"),
    paused: showPaused(cluster, patience),
    pgbouncer: pgbouncerConsole(poolersOf(cluster).slice(0, 1), patience, "SHOW VERSION"),
  }),
  gate: () => ({}),
};

/** The questions for a node. */
const questions = (node: NodeOutput, cluster: ClusterOutput): Questions => ({
  certificate: `cat ${tls.client}`,
  disk: "df --output=pcent,target / /var/lib/etcd /var/lib/postgresql | tail -n +2 | sort -u",
  differences: driftProgram,
  units: `for u in ${unitsOf(node.role, cluster.clock, cluster.poolers ?? onePooler).join(" ")}; do echo "$u $(systemctl is-active $u)"; done`,
  ...Object.fromEntries(
    servicesOf(node.role, cluster.clock).flatMap(([name]) => Object.entries(asked[name](node, cluster))),
  ),
});

export const probeScript = (node: NodeOutput, cluster: ClusterOutput) => scriptOf(questions(node, cluster));

/** The script that answers all questions in one round. The commands run at once, so one that hangs delays no other. */
export function scriptOf(asked: Questions): string {
  const start = Object.entries(asked).map(
    ([name, command]) => `{ ${command}; } >"$d/${name}" 2>/dev/null </dev/null || rm "$d/${name}" &`,
  );
  return [
    "d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT",
    ...start,
    "wait",
    `for f in "$d"/*; do printf '\\n${marker} %s\\n' "\${f##*/}"; cat "$f"; done`,
  ].join("\n");
}

/** Takes a probe's output apart. */
export function parseSections(stdout: string): Sections {
  const parts = stdout.split(new RegExp(`^${marker} (\\w+)\\n`, "m"));
  const sections: Sections = new Map();
  for (let i = 1; i + 1 < parts.length; i += 2) sections.set(parts[i]!, parts[i + 1]!.trim());
  return sections;
}

/** Asks every node at once. A node that cannot be reached costs its time limit, no more. */
export function probeAll(cluster: Known, runner: Runner): Promise<Probe[]> {
  const script = (node: NodeOutput) => probeScript(node, cluster.facts);
  return Promise.all(
    cluster.nodes.map(async (node) => {
      const { unreachable, stdout } = await runner.run(node.name, script(node), { timeout: 2000 * patience });
      return { node, unreachable, sections: unreachable ? new Map() : parseSections(stdout) };
    }),
  );
}
