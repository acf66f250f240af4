/** Where a machine keeps its key pair and the cluster's CA certificate. The key belongs to the daemon's user. */
export const tls = {
  ca: "/etc/pgha/tls/ca.crt",
  cert: "/etc/pgha/tls/node.crt",
  key: "/etc/pgha/tls/node.key",
} as const;
