import { caFile, type Cluster, type Known } from "./cluster";

/** Where clients find a cluster; no password in it. */
export interface Endpoint {
  use: string;
  url: string;
  /** The stack's output that holds it complete, with its password. */
  output: string;
}

const withoutPassword = (url: string) => url.replace(/^(\w+:\/\/[^:@/]+):[^@]*@/, "$1@");

/** As it works from every folder of this machine: outputs of a cluster on AWS name the CA's file from wherever its clients run. */
const fromHere = (cluster: Cluster, url: string) =>
  withoutPassword(url).replace(/(sslrootcert=)[^&]*/, `$1${encodeURI(caFile(cluster))}`);

/** The endpoints of a cluster, in the order applications should consider them. */
export function endpointsOf(cluster: Cluster): Endpoint[] {
  const { outputs } = cluster;
  type Url = "pooledUrl" | "pooledReadUrl" | "writeUrl" | "readUrl" | "ownerUrl" | "dsn" | "pooledReadDsn" | "readDsn";
  // A cluster of the release before has no pooled read port.
  const at = (use: string, output: Url) =>
    outputs[output] === undefined ? [] : [{ use, url: fromHere(cluster, outputs[output]), output }];
  return [
    ...at("pooled", "pooledUrl"),
    ...at("pooled read", "pooledReadUrl"),
    ...at("write", "writeUrl"),
    ...at("read", "readUrl"),
    ...at("owner", "ownerUrl"),
    ...at("all proxies, pooled", "dsn"),
    ...at("all proxies, pooled read", "pooledReadDsn"),
    ...at("all proxies, read", "readDsn"),
    ...cluster.outputs.statsUrls.map((url) => ({ use: "stats", url, output: "statsPassword" })),
  ];
}

/** The endpoints for people, and what to do next. */
export function formatEndpoints(cluster: Known, endpoints: Endpoint[]): string {
  const { bastion } = cluster.facts;
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
    "Connect (--for node, prisma, python, django, go, jdbc, ...; >> .env; --show-secrets for the password):",
    `  eval "$(npx pgha env${stack})"; psql`,
    "One of these with its password (writeUrl, dsn, ...; statsPassword for the user pgha of the stats pages):",
    `  npm run --silent pulumi -- stack output pooledUrl --show-secrets --stack ${cluster.stack}`,
    "Try next:",
    `  npx pgha status${stack}`,
    `  npx pgha psql --app${stack} -- -c 'SELECT now()'`,
    `  npx pgha validate${stack}`,
  ].join("\n");
}
