import { Client, type ClientConfig } from "pg";
import type { Cluster } from "../ops/cluster";

/** A port of the cluster that speaks SQL, and who logs in. */
export type Door = "writeUrl" | "readUrl" | "pooledUrl" | "pooledReadUrl" | "ownerUrl";

/**
 * Connects as a careful application does: over TLS, the server's certificate checked against the stack's CA.
 * @param more what is otherwise than usual
 */
export async function connect({ outputs }: Cluster, door: Door, more: ClientConfig = {}): Promise<Client> {
  const url = new URL(outputs[door]);
  const client = new Client({
    host: url.hostname,
    port: Number(url.port),
    user: url.username,
    password: url.password,
    database: url.pathname.slice(1),
    ssl: { ca: outputs.caCertificate },
    connectionTimeoutMillis: 5000,
    query_timeout: 20_000,
    ...more,
  });
  client.on("error", () => undefined); // a broken connection shows in the query under way
  await client.connect();
  return client;
}

/** Runs one statement and gives its rows. */
export async function query(
  cluster: Cluster,
  door: Door,
  text: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = await connect(cluster, door);
  try {
    return (await client.query(text, values)).rows as Record<string, unknown>[];
  } finally {
    await client.end().catch(() => undefined);
  }
}
