import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { writePrivate, type Cluster, type Known } from "./cluster";
import { OpsError } from "./errors";
import { quote, run, type Finished, type RunOptions } from "./process";

/** What a script on a node had to say. */
export interface NodeResult extends Finished {
  /** Why the node could not be asked; undefined when the script ran there to its end. */
  unreachable?: string;
}

type RunnerOptions = Pick<RunOptions, "stdin" | "timeout" | "signal">;

/** Runs shell scripts on the nodes of a cluster, as root. The seam for tests: they have a fake one. */
export interface Runner {
  /**
   * @param script bash; it holds no secret, since the node's process list shows it
   * @param options.timeout milliseconds for connecting and running together. @default 10 000
   * @param options.signal ends the wait for it; on the node it goes on
   */
  run(node: string, script: string, options?: RunnerOptions): Promise<NodeResult>;
}

/** Exit code by which ssh says that it failed itself. */
const sshFailed = 255;

/**
 * Folder for the sockets of shared connections. Not in the checkout: a socket's path may have 107 characters at most.
 * It must be nobody else's.
 */
function socketFolder(): string {
  const folder = join(tmpdir(), `pgha-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  if (!lstatSync(folder).isDirectory() || uid !== userInfo().uid || (mode & 0o077) !== 0) {
    throw new OpsError(`${folder} is open to other users; remove it, pgha makes its own`);
  }
  return folder;
}

/** The bastion's name in the SSH configuration. No node has it: theirs end in a number. */
export const bastionName = "bastion";

/** A machine of the SSH configuration. */
interface Host {
  name: string;
  address: string;
  /** Public host key, as in known_hosts. */
  hostKey: string;
  /** Lines of its own. @default none */
  more?: string[];
}

/** Everything that SSH knows of a cluster: its nodes, and the bastion in front of them, if there is one. */
function hostsOf({ nodes, facts, outputs, folder }: Cluster): Host[] {
  const { bastion } = facts;
  if (!bastion) return nodes;
  const { host, port, user, hostKey } = bastion;
  const own = outputs.ssh.bastionKey ? [`IdentityFile "${join(folder, "id_bastion")}"`] : [];
  return [
    // Far away, it may be silent for longer than a node: with it, every connection through it would be gone.
    {
      name: bastionName,
      address: host,
      hostKey,
      more: [`Port ${port}`, `User ${user}`, ...own, "ConnectTimeout 10", "ServerAliveInterval 5"],
    },
    ...nodes.map((node) => ({ ...node, more: [`ProxyJump ${bastionName}`, "ConnectTimeout 5"] })),
  ];
}

/** The SSH configuration of a cluster: one entry a machine, every host key pinned. */
export function sshConfig(cluster: Cluster, sockets: string): string {
  const { folder, outputs } = cluster;
  const entries = hostsOf(cluster).map(({ name, address, hostKey, more = [] }) => {
    // A recreated machine has another key, and so never meets its predecessor's connection.
    const id = createHash("sha256").update(`${folder} ${name} ${address} ${hostKey}`).digest("hex").slice(0, 16);
    const lines = [`HostName ${address}`, `HostKeyAlias ${name}`, `ControlPath "${sockets}/${id}"`, ...more];
    return [`Host ${name}`, ...lines.map((line) => `  ${line}`)].join("\n");
  });
  // Of several values ssh takes the first: a machine's own come before those for all.
  return `# Written by pgha. Log in: ssh -F ${join(folder, "config")} NODE
${entries.join("\n")}
Host *
  User ${outputs.ssh.user}
  IdentityFile "${join(folder, "id_ed25519")}"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "${join(folder, "known_hosts")}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  PreferredAuthentications publickey
  BatchMode yes
  ConnectTimeout 3
  ServerAliveInterval 1
  ServerAliveCountMax 3
  ControlMaster auto
  ControlPersist 60
  LogLevel ERROR
`;
}

/** Writes what ssh needs to log in to a cluster's machines. @returns the path of its configuration */
export function writeSshFiles(cluster: Cluster): string {
  const { folder, outputs } = cluster;
  const { privateKey, bastionKey } = outputs.ssh;
  const writeKey = (file: string, key: string) => writePrivate(join(folder, file), key.replace(/\n?$/, "\n"));
  writeKey("id_ed25519", privateKey);
  if (bastionKey) writeKey("id_bastion", bastionKey);
  writePrivate(
    join(folder, "known_hosts"),
    hostsOf(cluster)
      .map(({ name, hostKey }) => `${name} ${hostKey}\n`)
      .join(""),
  );
  const config = configOf(cluster);
  writePrivate(config, sshConfig(cluster, socketFolder()));
  return config;
}

/** Where they are for a cluster that is known: the folder has all of them, or this one is not there. */
export const configOf = ({ folder }: Known) => join(folder, "config");

/** Arguments for ssh that run a script on a node as root. Its first argument is where the operator came from, which sudo drops. */
export const asRoot = (script: string) => `sudo -n bash -c ${quote(script)} bash "$SSH_CONNECTION"`;

/** The system's ssh. @throws OpsError when there is none */
async function ssh(args: string[], options: RunOptions): Promise<Finished> {
  try {
    return await run("ssh", args, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new OpsError("ssh is not installed here; install the package openssh-client");
  }
}

/** How long the first connection to a bastion may take, milliseconds. */
const bastionLimit = 15_000;

/**
 * Sees to an open connection to the bastion, if there is one, which all others then share: they are quicker, and a bastion that is
 * away is told as such.
 * @param config as written by `writeSshFiles`
 * @returns why it cannot be reached; undefined: it can
 */
export async function bastionAway({ facts }: Known, config: string): Promise<string | undefined> {
  const { bastion } = facts;
  if (!bastion) return undefined;
  const found = await ssh(["-F", config, "-O", "check", bastionName], { timeout: bastionLimit });
  if (found.code === 0) return undefined;
  // It goes to the background once it is logged in, and ends by itself a minute after its last use.
  const opened = await ssh(["-F", config, "-f", "-N", bastionName], { timeout: bastionLimit });
  const why = whyUnreachable(opened, bastionLimit);
  return why && `the bastion ${bastion.host} lets nobody through: ${why}`;
}

/** Runs scripts by the system's ssh, over one shared connection a node. */
export class SshRunner implements Runner {
  private asking?: Promise<string | undefined>;

  /** @param config as written by `writeSshFiles` */
  constructor(
    private readonly cluster: Known,
    private readonly config: string,
  ) {}

  async run(node: string, script: string, options: RunnerOptions = {}): Promise<NodeResult> {
    const { stdin, timeout = 10_000, signal } = options;
    const away = await this.bastionAway();
    if (away) return { code: sshFailed, stdout: "", stderr: "", unreachable: away };
    const attempt = (...more: string[]) =>
      ssh(["-F", this.config, ...more, node, asRoot(script)], { stdin, timeout, signal });
    let result = await attempt();
    // A shared connection whose node went away fails once; a fresh one tells how the node is now.
    if (result.code === sshFailed && /mux_client|ControlSocket|Shared connection/i.test(result.stderr)) {
      result = await attempt("-o", "ControlPath=none");
    }
    const why = whyUnreachable(result, timeout);
    // All that is heard of a bastion's own failure to connect.
    const refused = this.cluster.facts.bastion && why && /^kex_exchange_identification|^stdio forw/i.test(why);
    return { ...result, unreachable: refused ? "the bastion gets no connection to it" : why };
  }

  /** Asked once for all nodes that are talked to at the same moment. */
  private bastionAway(): Promise<string | undefined> {
    return (this.asking ??= bastionAway(this.cluster, this.config).finally(() => (this.asking = undefined)));
  }
}

/** The way to a cluster's nodes. */
export const sshRunner = (cluster: Cluster) => new SshRunner(cluster, writeSshFiles(cluster));

function whyUnreachable({ code, stderr }: Finished, timeout: number): string | undefined {
  if (code === null) return `no answer within ${timeout / 1000} s`;
  if (code !== sshFailed) return undefined;
  if (/Host key verification failed|REMOTE HOST IDENTIFICATION/i.test(stderr))
    return "its SSH host key is not the stack's";
  const lines = stderr.trim().split("\n");
  return (lines.at(-1) ?? "").replace(/^ssh: /, "").trim() || "ssh failed";
}
