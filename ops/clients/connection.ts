/** What a client must know to connect: who it is, where the cluster listens, and how to tell that it is the cluster. */
import { join } from "node:path";
import { caFile, writePrivate, type Cluster } from "../cluster";
import { OpsError } from "../errors";

/** A role that clients log in as. */
export interface Login {
  name: string;
  /** What it may be called on the command line, beside its name. @default none */
  nickname?: string;
  password: string;
  /** The database it works in. @default the first one */
  database?: string;
  /** Where its statements go: through PgBouncer, or straight to the leader, for what needs a session of its own. */
  by: "pooled" | "write";
  /** The stack's output with its URL of one host. */
  output: "pooledUrl" | "ownerUrl";
}

export interface Place {
  host: string;
  port: number;
}

/** One name for the cluster, for clients that take no more. */
export interface Front extends Place {
  /** Whether the server's certificate has this name. Without, it is verified that a server of this cluster answers. */
  named: boolean;
}

export interface Connection {
  user: string;
  database: string;
  /** Undefined: it is in `passwordFile` only. */
  password?: string;
  /** A file in the form of `.pgpass`, mode 0600: libpq, node-postgres, asyncpg, pgx, JDBC and sqlx read it. */
  passwordFile: string;
  /** File with the CA's certificate. */
  ca: string;
  by: Login["by"];
  front: Front;
  /** Every proxy. */
  places: Place[];
  /** The same for reads from the replicas. */
  reads: { front: Front; places: Place[] };
}

/** The roles of a cluster that can log in. */
export function loginsOf({ facts, outputs }: Cluster): Login[] {
  const passwordIn = (url: string) => decodeURIComponent(new URL(url).password);
  const { user, owner } = facts.database;
  // Declared ones, each in the first of the databases that let it in.
  const declared = Object.entries(outputs.rolePasswords ?? {}).map(([name, password]): Login => {
    const database = facts.databases.find(({ roles }) => roles.includes(name))?.name;
    return { name, password, by: "pooled", output: "pooledUrl", ...(database !== undefined && { database }) };
  });
  return [
    { name: user, nickname: "app", password: passwordIn(outputs.pooledUrl), by: "pooled", output: "pooledUrl" },
    { name: owner, nickname: "owner", password: passwordIn(outputs.ownerUrl), by: "write", output: "ownerUrl" },
    ...declared,
  ];
}

/** The role of that name. @throws OpsError naming those there are */
export function loginNamed(cluster: Cluster, name: string): Login {
  const logins = loginsOf(cluster);
  const login = logins.find((one) => one.name === name) ?? logins.find((one) => one.nickname === name);
  if (login) return login;
  const known = logins.map((one) =>
    one.nickname && one.nickname !== one.name ? `${one.nickname} (${one.name})` : one.name,
  );
  throw new OpsError(`stack ${cluster.stack} has no role '${name}'; it has ${known.join(", ")}`);
}

/** Writes the passwords of all roles where libpq and others look for them. @returns the file's path */
export function passwordFile(cluster: Cluster): string {
  const path = join(cluster.folder, "pgpass");
  const escaped = (text: string) => text.replaceAll(/[\\:]/g, "\\$&");
  const lines = loginsOf(cluster).map(({ name, password }) => `*:*:*:${escaped(name)}:${escaped(password)}\n`);
  writePrivate(path, lines.join(""));
  return path;
}

/** A role's connection. @param showSecrets whether its password may appear in what is printed */
export function connectionOf(cluster: Cluster, login: Login, showSecrets: boolean): Connection {
  const { facts, outputs } = cluster;
  const places = (port: string) =>
    facts.proxies.map(({ host, ports }) => ({ host, port: (ports as Record<string, number>)[port]! }));
  // Reads through PgBouncer, where the cluster has a port for them.
  const pooledReads = (outputs as { pooledReadUrl?: string }).pooledReadUrl;
  return {
    user: login.name,
    database: login.database ?? facts.database.name,
    ...(showSecrets && { password: login.password }),
    passwordFile: passwordFile(cluster),
    ca: caFile(cluster),
    by: login.by,
    front: frontIn(outputs[login.output]),
    places: places(login.by),
    reads: pooledReads
      ? { front: frontIn(pooledReads), places: places("pooledRead") }
      : { front: frontIn(outputs.readUrl), places: places("read") },
  };
}

function frontIn(output: string): Front {
  const { hostname, port, searchParams } = new URL(output);
  return { host: hostname, port: Number(port), named: searchParams.get("sslmode") === "verify-full" };
}
