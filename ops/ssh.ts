import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { writePrivate, type Cluster } from "./cluster";
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

/** The SSH configuration of a cluster: one entry a node, every host key pinned. */
export function sshConfig(cluster: Cluster, sockets: string): string {
  const { folder, nodes, outputs } = cluster;
  const entries = nodes.map(({ name, address, hostKey }) => {
    // A machine made anew has another key, and so never meets its predecessor's connection.
    const id = createHash("sha256").update(`${folder} ${name} ${address} ${hostKey}`).digest("hex").slice(0, 16);
    return `Host ${name}\n  HostName ${address}\n  HostKeyAlias ${name}\n  ControlPath "${sockets}/${id}"`;
  });
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

/** Writes what ssh needs to log in to a cluster's nodes. @returns the path of its configuration */
export function writeSshFiles(cluster: Cluster): string {
  const { folder, nodes, outputs } = cluster;
  writePrivate(join(folder, "id_ed25519"), outputs.ssh.privateKey.replace(/\n?$/, "\n"));
  writePrivate(join(folder, "known_hosts"), nodes.map(({ name, hostKey }) => `${name} ${hostKey}\n`).join(""));
  const config = join(folder, "config");
  writePrivate(config, sshConfig(cluster, socketFolder()));
  return config;
}

/** Arguments for ssh that run a script on a node as root. */
export const asRoot = (script: string) => `sudo -n bash -c ${quote(script)}`;

/** Runs scripts by the system's ssh, over one shared connection a node. */
export class SshRunner implements Runner {
  private readonly config: string;

  constructor(cluster: Cluster) {
    this.config = writeSshFiles(cluster);
  }

  async run(node: string, script: string, options: RunnerOptions = {}): Promise<NodeResult> {
    const { stdin, timeout = 10_000, signal } = options;
    const ssh = (...more: string[]) =>
      run("ssh", ["-F", this.config, ...more, node, asRoot(script)], { stdin, timeout, signal });
    try {
      let result = await ssh();
      // A shared connection whose node went away fails once; a fresh one tells how the node is now.
      if (result.code === sshFailed && /mux_client|ControlSocket|Shared connection/i.test(result.stderr)) {
        result = await ssh("-o", "ControlPath=none");
      }
      return { ...result, unreachable: whyUnreachable(result, timeout) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw new OpsError("ssh is not installed here; install the package openssh-client");
    }
  }
}

function whyUnreachable({ code, stderr }: Finished, timeout: number): string | undefined {
  if (code === null) return `no answer within ${timeout / 1000} s`;
  if (code !== sshFailed) return undefined;
  const lines = stderr.trim().split("\n");
  if (/Host key verification failed|REMOTE HOST IDENTIFICATION/i.test(stderr))
    return "its SSH host key is not the stack's";
  return (lines.at(-1) ?? "").replace(/^ssh: /, "").trim() || "ssh failed";
}
