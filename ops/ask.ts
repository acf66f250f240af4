import type { NodeOutput } from "../components/outputs";
import { nodesOf, type Cluster } from "./cluster";
import { OpsError } from "./errors";
import { quote } from "./process";
import type { Runner } from "./ssh";

/** A cluster and the way to its nodes. */
export interface Reached {
  cluster: Cluster;
  runner: Runner;
}

const tls = "/etc/pgha/tls";

/** Shell words that call etcdctl on a node with its own certificate. */
export const etcdctl = (endpoint: string, args: string) =>
  `etcdctl --endpoints ${quote(endpoint)} --cacert ${tls}/ca.crt --cert ${tls}/node.crt --key ${tls}/node.key ` +
  `--dial-timeout 2s --command-timeout 2s ${args}`;

/** A node's etcd endpoint. */
export const etcdEndpoint = ({ address }: NodeOutput) => `https://${address}:2379`;

/** Shell words that ask a node's Patroni with the certificate of the node they run on. */
export const patroniCurl = (node: NodeOutput, path: string, args = "--max-time 2 -f") =>
  `curl -sS ${args} --cacert ${tls}/ca.crt --cert ${tls}/node.crt --key ${tls}/node.key ${quote(`https://${node.address}:8008${path}`)}`;

/** Shell words that run psql as the database's superuser on the node, on its standard input. */
export const superuserPsql = (database: string) =>
  `runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d ${quote(database)}`;

/** The same for a single statement. */
export const superuserSql = (database: string, sql: string) => `${superuserPsql(database)} -c ${quote(sql)}`;

/** Shell words that ask PgBouncer's console, one thing after the other; its own OS user may, without a password. */
export const pgbouncerConsole = (...commands: string[]) =>
  "runuser -u postgres -- psql -XAq --csv -h /var/run/postgresql -p 6432 -U pgbouncer -d pgbouncer" +
  commands.map((command) => ` -c ${quote(command)}`).join("");

/** A member in Patroni's own view of the cluster (`GET /cluster`, Patroni 4.1). */
export interface PatroniMember {
  name: string;
  role: string;
  state: string;
  timeline?: number;
  /** Bytes behind the leader, or "unknown". */
  lag?: number | string;
  pending_restart?: boolean;
  tags?: Record<string, unknown>;
}

export interface PatroniCluster {
  members: PatroniMember[];
  pause?: boolean;
}

/** Reads Patroni's view of the cluster from the first database node that has one. @throws OpsError when none has */
export async function askPatroni({ cluster, runner }: Reached): Promise<PatroniCluster> {
  const answers = nodesOf(cluster, "postgresql").map(async (node) => {
    const { code, stdout } = await runner.run(node.name, patroniCurl(node, "/cluster"), { timeout: 6000 });
    const view = code === 0 ? parseJson<PatroniCluster>(stdout) : undefined;
    if (!view?.members) throw new Error(`${node.name} has no answer`);
    return view;
  });
  return Promise.any(answers).catch(() => {
    throw new OpsError("no Patroni answers on any database node; `pgha status` shows what is reachable");
  });
}

/** Who leads, by Patroni's word. @throws OpsError when nobody does */
export async function askLeader(reached: Reached): Promise<NodeOutput> {
  const { members } = await askPatroni(reached);
  const name = members.find((member) => member.role === "leader")?.name;
  const node = nodesOf(reached.cluster, "postgresql").find((candidate) => candidate.name === name);
  if (!node) throw new OpsError("the cluster has no leader now; `pgha status` shows its members");
  return node;
}

/** Parses JSON that may be cut off or no JSON at all. */
export function parseJson<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
