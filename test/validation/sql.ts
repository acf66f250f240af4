import { isIP } from "node:net";
import { Client, type ClientConfig } from "pg";
import type { ProxyOutput } from "../../components/outputs";
import { messageOf } from "../../ops/errors";
import { cluster } from "./context";

export type Who = "app" | "owner";
export type Use = "write" | "read" | "pooled";

/** A port of a proxy, as clients use it. */
export interface Door {
  who: Who;
  use: Use;
  proxy: ProxyOutput;
}

export const proxies = () => cluster().outputs.cluster.proxies;

/** How a client connects: TLS, with the server's certificate and name verified. `encrypted: false`: in plaintext. */
export function clientConfig({ who, use, proxy }: Door, { encrypted = true, patience = 5000 } = {}): ClientConfig {
  const { outputs } = cluster();
  const { username, password } = new URL(who === "app" ? outputs.writeUrl : outputs.ownerUrl);
  return {
    host: proxy.host,
    port: proxy.ports[use],
    database: outputs.cluster.database.name,
    user: username,
    password,
    application_name: "pgha validate",
    connectionTimeoutMillis: 3000,
    query_timeout: patience,
    ssl: encrypted && { ca: outputs.caCertificate, servername: isIP(proxy.host) ? "localhost" : proxy.host },
  };
}

/** Opens a connection. A connection that breaks later is told by the query under way, not by a crash. */
export async function open(config: ClientConfig): Promise<Client> {
  const client = new Client(config);
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    void client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

/** Uses a connection and closes it. */
export async function using<T>(client: Client, work: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await work(client);
  } finally {
    // Closing waits for the server's farewell, which a stalled one never says.
    void client.end().catch(() => undefined);
  }
}

/** Does work over the first proxy that lets us through and can do it, as clients do that know all of them. */
export async function throughAnyProxy<T>(who: Who, use: Use, work: (client: Client) => Promise<T>): Promise<T> {
  const faults: string[] = [];
  for (const proxy of proxies()) {
    try {
      return await using(await open(clientConfig({ who, use, proxy })), work);
    } catch (error) {
      faults.push(`${proxy.name}: ${messageOf(error)}`);
    }
  }
  throw new Error(faults.join("; "));
}

/** The table the checks write to. The owner makes it; the application's user gets its rights by default. */
export const tableName = "public.pgha_validation";

export const makeTable = () =>
  throughAnyProxy("owner", "write", (client) =>
    client.query(
      `CREATE TABLE IF NOT EXISTS ${tableName} (id text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())`,
    ),
  );

export const dropTable = () =>
  throughAnyProxy("owner", "write", (client) => client.query(`DROP TABLE IF EXISTS ${tableName}`));
