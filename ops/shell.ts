import { isIP } from "node:net";
import { superuserOptions } from "../cloud-init/services/patroni/session";
import type { Role } from "../settings/roles";
import { journalOf } from "../cloud-init/services";
import { askLeader, nodePsql, type Reached } from "./ask";
import { loginNamed, passwordFile } from "./clients/connection";
import { caFile, nodeNamed, type Cluster } from "./cluster";
import { OpsError } from "./errors";
import { interact, quote } from "./process";
import { asRoot, writeSshFiles, type Runner } from "./ssh";
import { operator, trailLine } from "./trail";

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
    throw new OpsError(`'${first}' is not an option of \`pgha ssh\`; write -- before a command that begins so`);
  return { stack, command: args };
}

/** `pgha ssh NODE [COMMAND...]`: a shell on a node, or one command there; its exit code is ours. */
export async function sshCommand(cluster: Cluster, node: string, command: string[]): Promise<number> {
  nodeNamed(cluster, node);
  // As with ssh itself, the words are joined by spaces and read by the shell there.
  const [what, words] =
    command.length > 0 ? ["ran a command", command.join(" ")] : ["opened a shell", 'exec "$SHELL" -l'];
  return onNode(cluster, node, `set -- "$SSH_CONNECTION"; ${trailLine(what)}; set --\n${words}`);
}

export interface LogsOptions {
  follow?: boolean;
  lines: number;
  json?: boolean;
}

/**
 * Shell command for the journal of a node's daemons. journalctl prints nothing, and calls it a success, when it meets a rotation: it
 * lists the files before one gets another name, and opens them after it. So it runs again when it has printed nothing.
 */
export function journal(role: Role, { follow, lines, json }: LogsOptions): string {
  const ask = `sudo -n journalctl --no-pager -q -o ${json ? "json" : "short-iso"} ${journalOf(role)} -n ${lines}`;
  return follow ? `${ask} -f` : `${ask} | grep -a . || ${ask}`;
}

/** `pgha logs NODE`. */
export async function logsCommand(cluster: Cluster, name: string, options: LogsOptions): Promise<number> {
  const node = nodeNamed(cluster, name);
  const code = await onNode(cluster, name, journal(node.role, options));
  return options.follow && code === 130 ? 0 : code;
}

export interface PsqlOptions {
  node?: string;
  app?: boolean;
  owner?: boolean;
}

/** Said on a terminal only. */
const superuserNotice =
  "pgha: you are superuser, and names mean PostgreSQL's own (search_path = pg_catalog): write schema.table. Triggers, policies " +
  "and functions that users made would run with your rights: look at their data by --owner or --app.";

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
  if (node.role !== "postgresql") throw new OpsError(`${node.name} is not a database node`);
  const database = cluster.facts.database.name;
  if (process.stderr.isTTY) console.error(superuserNotice);
  const script = [
    trailLine(options.node ? "opened a superuser session" : "opened a superuser session on the leader"),
    args.length > 0 ? await handOver(reached.runner, node.name, args) : "set --",
    // PostgreSQL logs the name with the session.
    `export PGAPPNAME=${quote(`pgha ${operator()}`)}; cd / && exec ${nodePsql(superuserOptions, "-d", database)} "$@"`,
  ].join("\n");
  return onNode(cluster, node.name, asRoot(script));
}

/**
 * Hands a script on a node its arguments. Not among the words of a command: sudo logs those, and there may be a password in SQL.
 * @returns shell words that take them
 */
async function handOver(runner: Runner, node: string, args: string[]): Promise<string> {
  const keep = 'umask 077; f=$(mktemp /run/pgha-psql.XXXXXX) && cat >"$f" && echo "$f"';
  const { stdout, code, unreachable, stderr } = await runner.run(node, keep, {
    stdin: args.map((arg) => `${arg}\0`).join(""),
  });
  if (code !== 0) throw new OpsError(`${node} does not take the arguments of psql: ${unreachable ?? stderr.trim()}`);
  const file = quote(stdout.trim());
  return `mapfile -d '' -t args <${file}; rm ${file}; set -- "\${args[@]}"`;
}

/**
 * The connection string of a client on this machine: every proxy in turn, TLS with the server's name verified. The password is
 * in a file of its own, so it appears neither among the arguments nor in the environment.
 */
export function clientConnection(cluster: Cluster, who: "app" | "owner"): string {
  const { facts } = cluster;
  const login = loginNamed(cluster, who === "app" ? facts.database.user : facts.database.owner);
  const { proxies, database } = facts;
  const list = (value: (proxy: (typeof proxies)[number]) => string | number) => proxies.map(value).join(",");
  const settings = {
    // Whichever server answers behind an address, `localhost` is among its certificate's names.
    host: list(({ host }) => (isIP(host) ? "localhost" : host)),
    ...(proxies.some(({ host }) => isIP(host)) && { hostaddr: list(({ host }) => (isIP(host) ? host : "")) }),
    port: list(({ ports }) => ports[login.by]),
    dbname: database.name,
    user: login.name,
    passfile: passwordFile(cluster),
    sslmode: "verify-full",
    sslrootcert: caFile(cluster),
    connect_timeout: 3,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}='${String(value).replaceAll(/['\\]/g, "\\$&")}'`)
    .join(" ");
}
