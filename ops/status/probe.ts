import type { ClusterOutput, NodeOutput } from "../../components/outputs";
import type { Cluster } from "../cluster";
import { etcdctl, etcdEndpoint, patroniCurl, pgbouncerConsole, superuserSql } from "../ask";
import type { Runner } from "../ssh";
import { showPaused } from "./paused";

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

/** Clients' transactions that have been open for more than 1 s, the oldest first, as JSON. */
const longTransactions = (database: string) => `SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT pid, usename AS user, round(extract(epoch FROM clock_timestamp() - xact_start), 1) AS seconds FROM pg_stat_activity
  WHERE datname = '${database}' AND backend_type = 'client backend' AND clock_timestamp() - xact_start > interval '1 s'
  ORDER BY xact_start LIMIT 5) t`;

/** The questions for a node of each role: section name to shell command. */
function questions(node: NodeOutput, { name: scope, database }: ClusterOutput): Record<string, string> {
  const common = {
    certificate: "cat /etc/pgha/tls/node.crt",
    disk: "df --output=pcent,target / /var/lib/etcd /var/lib/postgresql | tail -n +2 | sort -u",
  };
  switch (node.role) {
    case "etcd":
      return {
        ...common,
        health: etcdctl(etcdEndpoint(node), "endpoint health -w json"),
        status: etcdctl(etcdEndpoint(node), "endpoint status -w json"),
        alarms: etcdctl(etcdEndpoint(node), "alarm list -w json"),
        // A switchover under way is in etcd only; Patroni tells of scheduled ones.
        switchover: etcdctl(etcdEndpoint(node), `get --print-value-only /service/${scope}/failover`),
      };
    case "postgresql":
      return {
        ...common,
        patroni: patroniCurl(node, "/patroni", "--max-time 2"),
        cluster: patroniCurl(node, "/cluster"),
        transactions: `timeout 2 ${superuserSql("postgres", longTransactions(database.name))}`,
      };
    case "haproxy":
      return {
        ...common,
        version: "haproxy -v | head -n 1",
        stat: "echo 'show stat' | timeout 2 socat - /run/haproxy/admin.sock",
        pools: `timeout 2 ${pgbouncerConsole("SHOW POOLS")}`,
        paused: `timeout 2 ${showPaused}`,
        pgbouncer: `timeout 2 ${pgbouncerConsole("SHOW VERSION")}`,
      };
  }
}

/** The script that answers all questions in one round. The commands run at once, so one that hangs delays no other. */
export function probeScript(node: NodeOutput, cluster: ClusterOutput): string {
  const sections = Object.entries(questions(node, cluster));
  const start = sections.map(
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
export function probeAll(cluster: Cluster, runner: Runner): Promise<Probe[]> {
  const script = (node: NodeOutput) => probeScript(node, cluster.outputs.cluster);
  return Promise.all(
    cluster.nodes.map(async (node) => {
      const { unreachable, stdout } = await runner.run(node.name, script(node), { timeout: 6000 });
      return { node, unreachable, sections: unreachable ? new Map() : parseSections(stdout) };
    }),
  );
}
