import { isIP } from "node:net";
import { join } from "node:path";
import type { Clock } from "../components/clocks";
import type { Role } from "../components/plan";
import { askLeader, type Reached } from "./ask";
import { caFile, nodeNamed, writePrivate, type Cluster } from "./cluster";
import { OpsError } from "./errors";
import { interact, quote } from "./process";
import { asRoot, writeSshFiles } from "./ssh";

/** Runs ssh on this terminal. Without a terminal on our side none is asked for on theirs, so pipes stay clean. */
async function onNode(cluster: Cluster, node: string, command?: string): Promise<number> {
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const args = ["-F", writeSshFiles(cluster), terminal ? "-t" : "-T", node];
  const code = await interact("ssh", command === undefined ? args : [...args, command]);
  if (code === 255) throw new OpsError(`ssh to ${node} failed; \`pgha status\` shows which nodes can be reached`);
  return code;
}

/**
 * What stands after the node of `pgha ssh`: a command with options of its own. As with every other command of ours `--stack` may
 * stand there, and as with ssh and `pgha psql` a `--`.
 */
export function afterNode(args: string[], stack: string): { stack: string; command: string[] } {
  const [first = "", second] = args;
  if (first === "--stack" && second !== undefined) return afterNode(args.slice(2), second);
  if (first.startsWith("--stack=")) return afterNode(args.slice(1), first.slice("--stack=".length));
  if (first === "--") return { stack, command: args.slice(1) };
  if (first.startsWith("-"))
    throw new OpsError(`'${first}' is no option of \`pgha ssh\`; write -- before a command that begins so`);
  return { stack, command: args };
}

/** `pgha ssh NODE [COMMAND...]`: a shell on a node, or one command there; its exit code is ours. */
export async function sshCommand(cluster: Cluster, node: string, command: string[]): Promise<number> {
  nodeNamed(cluster, node);
  // As with ssh itself, the words are joined by spaces and read by the shell there.
  return onNode(cluster, node, command.length > 0 ? command.join(" ") : undefined);
}

/** The daemons a node of each role may have, by their systemd units. */
export const units: Record<Role, string[]> = {
  etcd: ["etcd", "pgha-witness"],
  postgresql: ["patroni", "pgha-guard"],
  haproxy: ["haproxy", "pgbouncer", "pgha-gate"],
};

/** Those it has with this clock: where pools are never paused there is no gate, and without witnesses there are none. */
export const unitsOf = (role: Role, { pause, witness }: Pick<Clock, "pause" | "witness">): string[] =>
  units[role].filter((unit) => (unit !== "pgha-gate" || pause > 0) && (unit !== "pgha-witness" || witness > 0));

export interface LogsOptions {
  follow?: boolean;
  lines: number;
  json?: boolean;
}

/** The journalctl call for a node's daemons. PostgreSQL writes to the journal of Patroni, which starts it. */
export function journal(role: Role, { follow, lines, json }: LogsOptions): string {
  const chosen = units[role].map((unit) => `-u ${unit}`).join(" ");
  return `journalctl --no-pager -q -o ${json ? "json" : "short-iso"} ${chosen} -n ${lines}${follow ? " -f" : ""}`;
}

/** `pgha logs NODE`. */
export async function logsCommand(cluster: Cluster, name: string, options: LogsOptions): Promise<number> {
  const node = nodeNamed(cluster, name);
  const code = await onNode(cluster, name, `sudo -n ${journal(node.role, options)}`);
  return options.follow && code === 130 ? 0 : code;
}

export interface PsqlOptions {
  node?: string;
  app?: boolean;
  owner?: boolean;
}

/** `pgha psql`: as superuser on a database node, or as the application's user or the owner from here. */
export async function psqlCommand(reached: Reached, options: PsqlOptions, args: string[]): Promise<number> {
  const { cluster } = reached;
  if (options.app && options.owner) throw new OpsError("give --app or --owner, not both");
  if (options.app || options.owner) {
    if (options.node)
      throw new OpsError("--node goes with the superuser only; --app and --owner go through the proxies");
    return interact("psql", [clientConnection(cluster, options.app ? "app" : "owner"), ...args]);
  }
  const node = options.node ? nodeNamed(cluster, options.node) : await askLeader(reached);
  if (node.role !== "postgresql") throw new OpsError(`${node.name} is no database node`);
  const database = cluster.outputs.cluster.database.name;
  const command = ["psql", "-d", database, ...args].map(quote).join(" ");
  return onNode(cluster, node.name, asRoot(`cd / && exec runuser -u postgres -- ${command}`));
}

/**
 * The connection string of a client on this machine: every proxy in turn, TLS with the server's name verified. The password is
 * in a file of its own, so it appears neither among the arguments nor in the environment.
 */
export function clientConnection(cluster: Cluster, who: "app" | "owner"): string {
  const { outputs, folder } = cluster;
  const passwords = join(folder, "pgpass");
  const urls = { app: new URL(outputs.pooledUrl), owner: new URL(outputs.ownerUrl) };
  writePrivate(
    passwords,
    Object.values(urls)
      .map(({ username, password }) => `*:*:*:${username}:${password}\n`)
      .join(""),
  );
  const { proxies, database } = outputs.cluster;
  const use = who === "app" ? "pooled" : "write";
  const list = (value: (proxy: (typeof proxies)[number]) => string | number) => proxies.map(value).join(",");
  const settings = {
    // Whichever server answers behind an address, `localhost` is among its certificate's names.
    host: list(({ host }) => (isIP(host) ? "localhost" : host)),
    ...(proxies.some(({ host }) => isIP(host)) && { hostaddr: list(({ host }) => (isIP(host) ? host : "")) }),
    port: list(({ ports }) => ports[use]),
    dbname: database.name,
    user: urls[who].username,
    passfile: passwords,
    sslmode: "verify-full",
    sslrootcert: caFile(cluster),
    connect_timeout: 3,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}='${String(value).replaceAll(/['\\]/g, "\\$&")}'`)
    .join(" ");
}
