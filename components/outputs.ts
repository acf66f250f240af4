import { createHash } from "node:crypto";
import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { nodeFiles } from "../cloud-init/node-files";
import { adminUser } from "../cloud-init/user-data";
import type { Passwords } from "./passwords";
import type { Pki } from "./pki";
import { allNodes, clientPorts, type ClientPort, type Plan, type Role } from "./plan";

/** A machine as operators see it. */
export interface NodeOutput {
  name: string;
  role: Role;
  address: string;
  /** SSH host key, as in known_hosts. */
  hostKey: string;
  /** Configuration files and the SHA-256 of what was rendered: what `pgha validate` compares. */
  files: Record<string, string>;
}

/** A proxy as clients see it. */
export interface ProxyOutput {
  name: string;
  /** Address and ports for clients. */
  host: string;
  ports: Record<ClientPort, number>;
}

/** What is known of a cluster without its secrets, for the operator's commands. */
export interface ClusterOutput {
  name: string;
  /** Where its machines are, for commands that switch one off. */
  driver: Plan["settings"]["driver"];
  database: { name: string; owner: string; user: string };
  clock: Plan["settings"]["clock"];
  synchronous: "quorum" | "off";
  /** MiB of WAL beyond which a replica gets no reads. */
  maxReplicaLag: number;
  nodes: NodeOutput[];
  proxies: ProxyOutput[];
}

/** The stack's outputs. Those with a password or a key are secret: `pulumi stack output --show-secrets`. */
export interface ClusterOutputs {
  /** Straight to the leader through HAProxy. The application's user. */
  writeUrl: pulumi.Output<string>;
  /** To the replicas through HAProxy. The application's user. */
  readUrl: pulumi.Output<string>;
  /** To the leader through PgBouncer: what an application should use. */
  pooledUrl: pulumi.Output<string>;
  /** As writeUrl, as the owner of the database: for migrations. */
  ownerUrl: pulumi.Output<string>;
  /** As pooledUrl, naming every proxy: libpq goes on to the next when one is gone. */
  dsn: pulumi.Output<string>;
  /** HAProxy's stats pages; log in as `pgha`. `/metrics` serves Prometheus. */
  statsUrls: pulumi.Output<string[]>;
  /** Password of the stats pages. */
  statsPassword: pulumi.Output<string>;
  /** The CA that signed every server's certificate, PEM. */
  caCertificate: pulumi.Output<string>;
  /** Everything the operator's commands need to know; no secrets. */
  cluster: pulumi.Output<ClusterOutput>;
  /** User and private key for SSH to every node. */
  ssh: pulumi.Output<{ user: string; privateKey: string }>;
}

/** A connection URL. The password holds letters and digits only, so nothing needs escaping. */
function url(user: string, password: string, hosts: { host: string; port: number }[], database: string): string {
  const at = hosts.map(({ host, port }) => `${host}:${port}`).join(",");
  return `postgresql://${user}:${password}@${at}/${database}?sslmode=require`;
}

/** Outputs of a cluster; those clients use are known once the cluster is ready. */
export function clusterOutputs(
  plan: Plan,
  made: { passwords: Passwords; pki: Pki; ready: remote.Command[] },
): ClusterOutputs {
  const { passwords, pki, ready } = made;
  const { driver, database, clock, postgresql, haproxy } = plan.settings;
  const proxies: ProxyOutput[] = plan.haproxy.map(({ name }, index) => ({
    name,
    host: "127.0.0.1",
    ports: clientPorts(plan.settings, index),
  }));
  const first = proxies.slice(0, 1);
  const hosts = (use: ClientPort, of = first) => of.map(({ host, ports }) => ({ host, port: ports[use] }));
  const whenReady = pulumi.all(ready.map((command) => command.id));
  const connect = (password: pulumi.Output<string>, make: (password: string) => string) =>
    pulumi.secret(pulumi.all([password, whenReady]).apply(([secret]) => make(secret)));
  const { name, user, owner } = database;

  const nodes = allNodes(plan).map((node) =>
    pki.hostKeyOf(node).publicKeyOpenssh.apply((hostKey): NodeOutput => ({
      name: node.name,
      role: node.role,
      address: node.address,
      hostKey: hostKey.trim(),
      files: Object.fromEntries(
        nodeFiles(plan, node).map(({ path, content }) => [path, createHash("sha256").update(content).digest("hex")]),
      ),
    })),
  );

  return {
    writeUrl: connect(passwords.user.password, (password) => url(user, password, hosts("write"), name)),
    readUrl: connect(passwords.user.password, (password) => url(user, password, hosts("read"), name)),
    pooledUrl: connect(passwords.user.password, (password) => url(user, password, hosts("pooled"), name)),
    ownerUrl: connect(passwords.owner.password, (password) => url(owner, password, hosts("write"), name)),
    dsn: connect(
      passwords.user.password,
      (password) =>
        `${url(user, password, hosts("pooled", proxies), name)}&target_session_attrs=read-write&connect_timeout=2`,
    ),
    statsUrls: pulumi.output(hosts("stats", proxies).map(({ host, port }) => `https://${host}:${port}/`)),
    statsPassword: pulumi.secret(passwords.stats),
    caCertificate: pki.caCertificate,
    cluster: pulumi.all(nodes).apply((known) => ({
      name: plan.cluster,
      driver,
      database,
      clock,
      synchronous: postgresql.synchronous,
      maxReplicaLag: haproxy.maxReplicaLag,
      nodes: known,
      proxies,
    })),
    ssh: pulumi.secret(pki.sshKey.privateKeyOpenssh.apply((privateKey) => ({ user: adminUser, privateKey }))),
  };
}
