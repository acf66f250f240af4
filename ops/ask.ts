import { poolers, type Pooler } from "../cloud-init/services/pgbouncer/poolers";
import { ownerOptions, superuserOptions } from "../cloud-init/services/patroni/session";
import { ports } from "../settings/ports";
import { tls } from "../settings/tls";
import type { ClusterOutput, NodeOutput } from "../components/outputs";
import { nodesOf, type Cluster, type Known } from "./cluster";
import { OpsError } from "./errors";
import { quote } from "./process";
import type { Runner } from "./ssh";

/** A cluster of which nothing secret is known, and the way to its nodes. */
export interface ReachedNodes {
  cluster: Known;
  runner: Runner;
}

/** A cluster and the way to its nodes. */
export interface Reached extends ReachedNodes {
  cluster: Cluster;
}

/** Shell words that call etcdctl on a node with its own certificate. */
export const etcdctl = (endpoint: string, args: string) =>
  `etcdctl --endpoints ${quote(endpoint)} --cacert ${tls.ca} --cert ${tls.client} --key ${tls.key} ` +
  `--dial-timeout 2s --command-timeout 2s ${args}`;

/** A node's etcd endpoint. */
export const etcdEndpoint = ({ address }: NodeOutput) => `https://${address}:${ports.etcdClient}`;

/** Shell words that ask a node's Patroni with the certificate of the node they run on. */
export const patroniCurl = (node: NodeOutput, path: string, args = "--max-time 2 -f") =>
  `curl -sS ${args} --cacert ${tls.ca} --cert ${tls.client} --key ${tls.key} ${quote(`https://${node.address}:${ports.patroni}${path}`)}`;

/** Shell words that run psql on a database node, with options of our own against whatever the database's owner has set. */
export const nodePsql = (options: string, ...args: string[]) =>
  `runuser -u postgres -- env PGOPTIONS=${quote(options)} psql ${args.map(quote).join(" ")}`;

/** How a program reads psql's answer. */
const plain = ["-XAtq", "-v", "ON_ERROR_STOP=1"];

/**
 * Shell words that run psql as superuser on the node, on its standard input. In the database `postgres` only: users get into
 * none but their own, so nothing they made can be met here.
 */
export const superuserPsql = nodePsql(superuserOptions, ...plain, "-d", "postgres");

/** The same for a single statement. */
export const superuserSql = (sql: string) => `${superuserPsql} -c ${quote(sql)}`;

/** Shell words for a statement in the users' database on the node: as its owner, who has made everything in it. */
export const ownerSql = ({ facts }: Cluster, sql: string) => {
  const { name, owner } = facts.database;
  return nodePsql(ownerOptions, ...plain, "-d", name, "-U", owner, "-c", sql);
};

/** What a proxy of the release before has. */
export const onePooler = { pooled: 1, pooledRead: 0 };

/** The PgBouncers of each proxy; the one there was, on a cluster of the release before. */
export const poolersOf = ({ poolers: counts = onePooler }: ClusterOutput): Pooler[] => poolers(counts);

/**
 * Shell words that ask the consoles of PgBouncers, one thing after the other; their own OS user may, without a password.
 * @param seconds how long each has for its answers
 */
export const pgbouncerConsole = (asked: Pooler[], seconds: number, ...commands: string[]) =>
  asked
    .map(
      ({ sockets, use }) =>
        `timeout ${seconds} runuser -u postgres -- psql -XAq --csv -h ${sockets} -p ${ports[use]} -U pgbouncer -d pgbouncer` +
        commands.map((command) => ` -c ${quote(command)}`).join(""),
    )
    .join(" && ");

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
