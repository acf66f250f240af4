/** Runs a command on a node from a dynamic provider, by the system's ssh. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** How to log in to a machine: a `remote.Command`'s connection. */
export interface Way {
  host: string;
  user: string;
  privateKey: string;
  /** Public host key; nothing else is accepted. */
  hostKey: string;
  /** A bastion. @default none */
  proxy?: Way & { port: number };
}

/** Exit code by which ssh says that it failed itself. */
const sshFailed = 255;

const started = promisify(execFile);

/**
 * @param limit for connecting and running together, milliseconds
 * @returns what it printed, also where it failed; undefined when the node cannot be asked, or does not answer in time
 */
export async function onNode(way: Way, command: string, limit: number): Promise<string | undefined> {
  // Beside the state and what the operator's commands keep; a Pulumi that is killed leaves it there.
  const folder = await mkdtemp(join(process.cwd(), ".pgha", "ssh-"));
  try {
    const config = await writeFiles(folder, way);
    const { stdout } = await started("ssh", ["-F", config, "node", command], { timeout: limit });
    return stdout;
  } catch (error) {
    const { code, stdout } = error as { code?: number | string | null; stdout?: string };
    return typeof code !== "number" || code === sshFailed ? undefined : stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the path of the configuration for ssh. The folder is nobody else's. */
async function writeFiles(folder: string, way: Way): Promise<string> {
  const hosts = [{ name: "node", ...way }, ...(way.proxy ? [{ name: "bastion", ...way.proxy }] : [])];
  const entries = await Promise.all(
    hosts.map(async ({ name, host, user, privateKey, proxy, ...more }) => {
      const key = join(folder, name);
      await writeFile(key, privateKey.replace(/\n?$/, "\n"), { mode: 0o600 });
      const port = "port" in more ? [`Port ${String(more.port)}`] : [];
      const lines = [`HostName ${host}`, `HostKeyAlias ${name}`, `User ${user}`, `IdentityFile "${key}"`, ...port];
      return [`Host ${name}`, ...lines, ...(proxy ? ["ProxyJump bastion"] : [])].join("\n  ");
    }),
  );
  const known = join(folder, "known_hosts");
  await writeFile(known, hosts.map(({ name, hostKey }) => `${name} ${hostKey}\n`).join(""));
  const config = join(folder, "config");
  await writeFile(
    config,
    `${entries.join("\n")}
Host *
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "${known}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  PreferredAuthentications publickey
  BatchMode yes
  ConnectTimeout 3
  LogLevel ERROR
`,
  );
  return config;
}
