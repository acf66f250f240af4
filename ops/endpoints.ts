import { loadCluster, type Cluster } from "./cluster";

/** Where clients find a cluster; no password in it. */
export interface Endpoint {
  use: string;
  url: string;
  /** The stack's output that holds it complete, with its password. */
  output: string;
}

const withoutPassword = (url: string) => url.replace(/^(\w+:\/\/[^:@/]+):[^@]*@/, "$1@");

/** The endpoints of a cluster, in the order applications should consider them. */
export function endpointsOf({ outputs }: Cluster): Endpoint[] {
  const { pooledUrl, writeUrl, readUrl, ownerUrl, dsn, readDsn, statsUrls } = outputs;
  return [
    { use: "pooled", url: withoutPassword(pooledUrl), output: "pooledUrl" },
    { use: "write", url: withoutPassword(writeUrl), output: "writeUrl" },
    { use: "read", url: withoutPassword(readUrl), output: "readUrl" },
    { use: "owner", url: withoutPassword(ownerUrl), output: "ownerUrl" },
    { use: "all proxies, pooled", url: withoutPassword(dsn), output: "dsn" },
    { use: "all proxies, read", url: withoutPassword(readDsn), output: "readDsn" },
    ...statsUrls.map((url) => ({ use: "stats", url, output: "statsPassword" })),
  ];
}

/** The endpoints for people, and what to do next. */
export function formatEndpoints(cluster: Cluster): string {
  const { bastion } = cluster.facts;
  const endpoints = endpointsOf(cluster);
  const width = Math.max(...endpoints.map(({ use }) => use.length));
  const stack = cluster.stack === "dev" ? "" : ` --stack ${cluster.stack}`;
  return [
    `${cluster.facts.name} is ready:`,
    ...endpoints.map(({ use, url }) => `  ${use.padEnd(width)}  ${url}`),
    "",
    ...(bastion
      ? [
          `These addresses are for clients in the cluster's network. From here, through the bastion ${bastion.host}:`,
          `  npx pgha tunnel${stack}`,
        ]
      : []),
    "With its password (also writeUrl, readUrl, ownerUrl, dsn, readDsn; statsPassword for the user pgha of the stats pages):",
    `  npm run --silent pulumi -- stack output pooledUrl --show-secrets --stack ${cluster.stack}`,
    "Try next:",
    `  npx pgha status${stack}`,
    `  npx pgha psql --app${stack} -- -c 'SELECT now()'`,
    `  npx pgha validate${stack}`,
  ].join("\n");
}

/** `pgha endpoints`. */
export async function printEndpoints(stack: string, json = false): Promise<void> {
  const cluster = await loadCluster(stack);
  console.log(json ? JSON.stringify(endpointsOf(cluster), null, 2) : formatEndpoints(cluster));
}
