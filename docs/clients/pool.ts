/** A pool of connections that knows every proxy of a cluster: node-postgres itself takes one host. For pg 8.23 or newer. */
import { Client, Pool, type ClientConfig, type PoolConfig } from "pg";

/**
 * Opens a pool. It stays with one proxy until that refuses a connection, and then goes on to the next.
 * @param dsn a URL with one host or several, as the outputs `dsn` and `readDsn`. What follows its `?` is for libpq and not
 *   read: here TLS is always on, and the server's certificate and name are verified.
 * @param ca the certificate of the cluster's CA, PEM: the output `caCertificate`
 * @param more further settings of the pool, or other values for these
 */
export function clusterPool(dsn: string, ca: string, more: PoolConfig = {}): Pool {
  const { hosts, ...login } = readDsn(dsn);
  // Processes begin with different proxies, which shares the load between them.
  let turn = Math.floor(Math.random() * hosts.length);

  const opened = new WeakSet<object>();

  class ProxyClient extends Client {
    constructor(config?: ClientConfig) {
      const mine = turn;
      super({ ...config, ...login, ...hosts[mine] });
      // One that breaks while nobody waits for an answer says so here; without a listener that would end the process.
      this.on("error", () => undefined);
      this.once("end", () => {
        if (!opened.has(this) && turn === mine) turn = (mine + 1) % hosts.length;
      });
    }
  }

  const pool = new Pool({
    Client: ProxyClient,
    ssl: { ca },
    // A proxy that is switched off does not refuse, it says nothing.
    connectionTimeoutMillis: 2000,
    // For a connection in use it is the only thing that notices a proxy that has gone silent. Longer than the longest
    // outage, for which the proxy holds a statement back, and than the longest statement.
    query_timeout: 40_000,
    // For idle ones there are keepalives: 2 s after the last word, then ten of them, one a second.
    keepAlive: true,
    keepAliveInitialDelayMillis: 2000,
    idleTimeoutMillis: 60_000,
    ...more,
  });
  pool.on("connect", (client) => opened.add(client));
  // An idle one that breaks leaves the pool, and is told here as well.
  pool.on("error", () => undefined);
  return pool;
}

/** @throws Error when it is not a URL of PostgreSQL; without the URL, which holds a password */
function readDsn(dsn: string) {
  const parts = /^postgres(?:ql)?:\/\/([^:@/]+)(?::([^@/]*))?@([^@/]+)\/([^?]+)/.exec(dsn);
  if (!parts)
    throw new Error("the database's URL is not of the form postgresql://user:password@host:port,.../database");
  const [user, secret, list, database] = parts.slice(1).map((part) => decodeURIComponent(part ?? "")) as string[];
  // Without one node-postgres takes PGPASSWORD, or looks in the file that PGPASSFILE names.
  const password = secret || undefined;
  const hosts = list!.split(",").map((item) => {
    const [host, port = "5432"] = item.split(":");
    return { host, port: Number(port) };
  });
  return { user, password, database, hosts };
}
