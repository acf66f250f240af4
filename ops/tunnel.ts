import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import type { ProxyOutput } from "../components/outputs";
import type { ClientPort } from "../settings/ports";
import type { Cluster } from "./cluster";
import { exitCode, OpsError } from "./errors";
import { clientConnection } from "./shell";
import { bastionAway, bastionName, writeSshFiles } from "./ssh";
import { table } from "./table";

/** A proxy's ports in the order in which they get local ones. */
const uses = ["pooled", "write", "read", "stats", "pooledRead"] as const satisfies ClientPort[];

/** A way for each connection that comes: `ssh -W` over the connection to the bastion that all of them share. */
function forward(config: string, target: string, client: Socket): void {
  // It ends with its input, so none is left behind when this process is killed; Ctrl-C on the terminal is not for it.
  const ssh = spawn("ssh", ["-F", config, "-W", target, bastionName], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  client.pipe(ssh.stdin);
  ssh.stdout.pipe(client);
  const end = () => {
    client.destroy();
    ssh.kill();
  };
  // Either side may go without a farewell.
  for (const side of [client, ssh.stdin, ssh.stdout, ssh]) side.on("error", end);
  client.on("close", end);
}

/** Listens on 127.0.0.1 for a port behind the bastion. @param port 0: any that is free */
async function listen(config: string, target: string, port: number): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (client) => forward(config, target, client));
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new OpsError(`port ${port} of 127.0.0.1 is in use; --port takes the first of as many free ones`);
  }
  // Whoever uses it keeps this process going; the tunnel alone does not.
  server.unref();
  return (server.address() as AddressInfo).port;
}

/**
 * Opens ways from 127.0.0.1 to every port of every proxy, by the cluster's bastion, for as long as this process lives.
 * @param firstPort the local ports are this one and those that follow. @default any that are free
 * @returns the proxies as clients on this machine now reach them
 * @throws OpsError when the cluster has no bastion, or it cannot be reached
 */
export async function openTunnel(cluster: Cluster, firstPort?: number): Promise<ProxyOutput[]> {
  const { bastion, proxies } = cluster.facts;
  if (!bastion) throw new OpsError(`stack ${cluster.stack} has no bastion: its ports are reached without a tunnel`);
  const config = writeSshFiles(cluster);
  const away = await bastionAway(cluster, config);
  if (away) throw new OpsError(away);
  let next = firstPort ?? 0;
  const tunnelled: ProxyOutput[] = [];
  for (const { name, host, ports } of proxies) {
    const local: Record<ClientPort, number> = { ...ports };
    for (const use of uses) {
      local[use] = await listen(config, `[${host}]:${ports[use]}`, next);
      if (next > 0) next++;
    }
    tunnelled.push({ name, host: "127.0.0.1", ports: local });
  }
  return tunnelled;
}

/** The cluster as clients on this machine reach it: where there is a bastion, by a tunnel through it. */
export async function forClients(cluster: Cluster): Promise<Cluster> {
  const { facts } = cluster;
  if (!facts.bastion) return cluster;
  const proxies = await openTunnel(cluster);
  return { ...cluster, facts: { ...facts, proxies } };
}

/** `pgha tunnel`: keeps the ways open for other programs, until Ctrl-C. */
export async function tunnelCommand(cluster: Cluster, options: { port?: number; json?: boolean }): Promise<never> {
  const proxies = await openTunnel(cluster, options.port);
  console.log(options.json ? JSON.stringify(proxies, null, 2) : formatTunnel(cluster, proxies));
  await untilInterrupted();
  // Connections that are open end now: nothing else would end them.
  process.exit(exitCode.ok);
}

/** What a person needs to know of an open tunnel. */
export function formatTunnel(cluster: Cluster, proxies: ProxyOutput[]): string {
  const { facts } = cluster;
  const local = { ...cluster, facts: { ...facts, proxies } };
  return [
    `Ports of ${facts.name} on 127.0.0.1, through its bastion, until Ctrl-C:`,
    "",
    ...table(
      ["PROXY", ...uses.map((use) => use.replace(/[A-Z]/, " $&").toUpperCase())],
      proxies.map(({ name, ports }) => [name, ...uses.map((use) => String(ports[use]))]),
    ),
    "",
    "As the application's user (pooled), and as the owner of the database (write); the passwords are in a file only you can read:",
    `  psql "${clientConnection(local, "app")}"`,
    `  psql "${clientConnection(local, "owner")}"`,
  ].join("\n");
}

function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    const awake = setInterval(() => undefined, 60_000);
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => {
        clearInterval(awake);
        resolve();
      });
  });
}
