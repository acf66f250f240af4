/**
 * Where a machine keeps the cluster's CA certificates, its key, and two certificates for that key, one for each purpose: what it
 * answers with is refused where a client is expected, and the other way round. The key belongs to the daemon's user.
 */
export const tls = {
  ca: "/etc/pgha/tls/ca.crt",
  /** On a database node: the CAs whose clients PostgreSQL lets in, that of the proxies among them. */
  clients: "/etc/pgha/tls/clients.crt",
  /** What it shows to servers. In the release before it was for both purposes, so whoever still reads it goes on working. */
  client: "/etc/pgha/tls/node.crt",
  /** What it shows to clients. */
  server: "/etc/pgha/tls/server.crt",
  key: "/etc/pgha/tls/node.key",
} as const;

/** A pattern for all of it: what a renewal changes. */
export const keyPair = "/etc/pgha/tls/*";

/** Where the operator's commands keep a cluster's CA certificates, from the checkout's folder; connection URLs name it. */
export const caPath = (cluster: string) => `.pgha/ca/${cluster}.crt`;
