import { isIP } from "node:net";
import { Client, type ClientConfig } from "pg";
import { ownerOptions, userOptions } from "../../cloud-init/services/patroni/session";
import type { ProxyOutput } from "../../components/outputs";
import type { Cluster } from "../cluster";
import { messageOf } from "../errors";
import type { Path } from "./model";

/** How a client connects to a port of a proxy: TLS, with the server's certificate and name verified. */
export interface Door {
  who: "app" | "owner";
  path: Path;
  proxy: ProxyOutput;
}

/** @param patience how long a statement may take, milliseconds */
export function clientConfig({ facts, outputs }: Cluster, { who, path, proxy }: Door, patience: number): ClientConfig {
  const { username, password } = new URL(who === "app" ? outputs.writeUrl : outputs.ownerUrl);
  return {
    host: proxy.host,
    port: proxy.ports[path],
    database: facts.database.name,
    user: username,
    password,
    application_name: "pgha load",
    // PgBouncer passes none on: what goes through it names all it calls in full.
    ...(path !== "pooled" && { options: who === "owner" ? ownerOptions : userOptions }),
    connectionTimeoutMillis: 3000,
    query_timeout: patience,
    keepAlive: true,
    keepAliveInitialDelayMillis: 2000,
    ssl: { ca: outputs.caCertificate, servername: isIP(proxy.host) ? "localhost" : proxy.host },
  };
}

/** Opens a connection. One that breaks later is reported by the query under way, not by a crash. */
export async function open(config: ClientConfig): Promise<Client> {
  const client = new Client(config);
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    leave(client);
    throw error;
  }
  return client;
}

/** Closes a connection without waiting for the server's farewell, which a stalled one never says. */
export function leave(client: Client): void {
  void client.end().catch(() => undefined);
}

/**
 * Does work as the owner of the database over the first proxy that lets it. Work may be done again over the next one, so it must
 * bear that.
 * @throws Error with what every proxy said
 */
export async function asOwner<T>(
  cluster: Cluster,
  work: (client: Client) => Promise<T>,
  patience = 30_000,
): Promise<T> {
  const faults: string[] = [];
  for (const proxy of cluster.facts.proxies) {
    let client: Client | undefined;
    try {
      client = await open(clientConfig(cluster, { who: "owner", path: "write", proxy }, patience));
      return await work(client);
    } catch (error) {
      faults.push(`${proxy.name}: ${messageOf(error)}`);
    } finally {
      if (client) leave(client);
    }
  }
  throw new Error(faults.join("; "));
}
