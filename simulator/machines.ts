import { loadCluster, nodesOf, type Cluster } from "../ops/cluster";
import { sshRunner } from "../ops/ssh";

/** A running cluster and a way to run scripts on its machines, as root. */
export interface Machines {
  cluster: Cluster;
  /** Runs a script on a node and gives what it printed. @throws unless it succeeds */
  on(node: string, script: string, timeout?: number): Promise<string>;
  /** Runs SQL on the leader as its superuser, and gives what psql printed, unaligned. @throws unless it succeeds */
  superuser(sql: string, database?: string): Promise<string>;
  /** The node that leads. @throws when there is none, or more than one */
  leader(): Promise<string>;
  /** A node that does not lead. */
  replica(): Promise<string>;
}

/** Logs in to the machines of a stack that is up. */
export async function machinesOf(stack: string): Promise<Machines> {
  const cluster = await loadCluster(stack);
  const runner = sshRunner(cluster);
  const database = nodesOf(cluster, "postgresql");
  const on = async (node: string, script: string, timeout = 30_000): Promise<string> => {
    const { code, stdout, stderr, unreachable } = await runner.run(node, script, { timeout });
    if (unreachable || code !== 0) throw new Error(`${node}: ${unreachable ?? stderr.trim()} (exit code ${code})`);
    return stdout.trim();
  };
  const role = async (name: string, address: string): Promise<string> =>
    on(name, `curl -fsS --cacert /etc/pgha/tls/ca.crt https://${address}:8008/patroni | jq -r .role`).catch(
      () => "unreachable",
    );
  const roles = async () =>
    Promise.all(database.map(async ({ name, address }) => ({ name, role: await role(name, address) })));
  const leader = async () => {
    const leaders = (await roles()).filter((node) => node.role === "primary");
    if (leaders.length !== 1) throw new Error(`${leaders.length} leaders`);
    return leaders[0]!.name;
  };
  return {
    cluster,
    on,
    leader,
    async superuser(sql, database = "postgres") {
      const psql = `runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d ${database} -c "${sql}"`;
      return on(await leader(), psql);
    },
    async replica() {
      const found = (await roles()).find((node) => node.role === "replica");
      if (!found) throw new Error("no replica");
      return found.name;
    },
  };
}
