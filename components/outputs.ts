import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { nodeFiles } from "../cloud-init/node-files";
import { adminUser } from "../cloud-init/user-data";
import type { Bastion, Endpoint, EndpointPorts, NodeMachine } from "./driver";
import type { Passwords } from "./passwords";
import type { Pki } from "./pki";
import { databasesOf } from "../settings/databases";
import { poolerCounts, type PoolerCounts } from "../settings/limits";
import { clientPorts, type Node, type Plan } from "../settings/plan";
import { ports, type ClientPort } from "../settings/ports";
import type { Role } from "../settings/roles";
import { caPath } from "../settings/tls";

/** A machine as operators see it. */
export interface NodeOutput {
  name: string;
  role: Role;
  address: string;
  /** Availability zone. AWS only. */
  zone?: string;
  /** The machine's id at its provider, "i-0123456789abcdef0". AWS only. */
  instance?: string;
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

/** The machine through which the others are reached by SSH. */
export interface BastionOutput {
  host: string;
  port: number;
  user: string;
  /** SSH host key, as in known_hosts. */
  hostKey: string;
}

/** What is known of a cluster without its secrets, for the operator's commands. */
export interface ClusterOutput {
  name: string;
  /** Where its machines are, for commands that switch one off. */
  driver: Plan["settings"]["driver"];
  database: { name: string; owner: string; user: string };
  /** Every database, the first one first, and who logs in to it with a password. */
  databases: { name: string; owner: string; roles: string[] }[];
  clock: Plan["settings"]["clock"];
  /** PgBouncers of each proxy. @default undefined: made by the release before, which had one */
  poolers?: PoolerCounts;
  synchronous: "quorum" | "off";
  /** MiB of WAL beyond which a replica gets no new reads. */
  maxReplicaLag: number;
  nodes: NodeOutput[];
  proxies: ProxyOutput[];
  /** Public half of the key by which the commands log in to the nodes. @default undefined: made by the release before */
  sshKey?: string;
  /** @default undefined: machines are reached directly */
  bastion?: BastionOutput;
}

/** The stack's outputs. Those with a password or a key are secret: `pulumi stack output --show-secrets`. */
export interface ClusterOutputs {
  /** One name for all proxies, and its ports. @default undefined: clients name the proxies themselves */
  endpoint?: pulumi.Output<{ host: string; ports: EndpointPorts }>;
  /** Straight to the leader through HAProxy. The application's user. */
  writeUrl: pulumi.Output<string>;
  /** To the replicas through HAProxy. The application's user. */
  readUrl: pulumi.Output<string>;
  /** To the leader through PgBouncer: what an application should use. */
  pooledUrl: pulumi.Output<string>;
  /** To the replicas through PgBouncer: what an application should use for reads that may be a little behind. */
  pooledReadUrl: pulumi.Output<string>;
  /** As writeUrl, as the owner of the database: for migrations. */
  ownerUrl: pulumi.Output<string>;
  /** Passwords of the roles that the settings declare, by role. @default undefined: none is declared that logs in */
  rolePasswords?: pulumi.Output<Record<string, string>>;
  /** As pooledUrl, naming every proxy: libpq goes on to the next when one is gone. */
  dsn: pulumi.Output<string>;
  /** As readUrl, naming every proxy. */
  readDsn: pulumi.Output<string>;
  /** As pooledReadUrl, naming every proxy. */
  pooledReadDsn: pulumi.Output<string>;
  /** HAProxy's stats pages; log in as `pgha`. `/metrics` serves Prometheus. */
  statsUrls: pulumi.Output<string[]>;
  /** Password of the stats pages. */
  statsPassword: pulumi.Output<string>;
  /** The CA that signed every server's certificate, PEM. */
  caCertificate: pulumi.Output<string>;
  /** Everything the operator's commands need to know; no secrets. */
  cluster: pulumi.Output<ClusterOutput>;
  /** User and private key for SSH to every node; the key for the bastion where that is another one. */
  ssh: pulumi.Output<{ user: string; privateKey: string; bastionKey?: string }>;
}

/**
 * The file with the CA's certificate, as URLs name it. Clients of a cluster on this host are on this host, whatever folder they run in;
 * those of one on AWS are on machines of their own, and whoever runs `up` has another path than the one before.
 */
const caOf = ({ cluster, settings: { driver } }: Plan) =>
  driver === "incus" ? encodeURI(resolve(__dirname, "..", caPath(cluster))) : caPath(cluster);

/**
 * A connection URL. The password holds letters and digits only, so nothing needs escaping.
 * @param named whether the server's certificate has the host's name or address. Without, a server of this cluster is all that
 *   can be asked for
 */
function url(
  plan: Plan,
  user: string,
  password: string,
  hosts: { host: string; port: number }[],
  named = true,
): string {
  const at = hosts.map(({ host, port }) => `${host}:${port}`).join(",");
  const mode = named ? "verify-full" : "verify-ca";
  return `postgresql://${user}:${password}@${at}/${plan.settings.database.name}?sslmode=${mode}&sslrootcert=${caOf(plan)}`;
}

/** Of a DSN for reads, which only libpq and its like take: `pgha env` has set PGTARGETSESSIONATTRS=read-write for the others. */
const anySession = "target_session_attrs=any&connect_timeout=2";

/** What has been made of a cluster. */
export interface Made {
  passwords: Passwords;
  pki: Pki;
  bastion: Bastion | undefined;
  /** Private key for an existing bastion. */
  bastionKey: pulumi.Output<string> | undefined;
  endpoint: Endpoint | undefined;
  machines: NodeMachine[];
  /** Commands that are done when the cluster is ready. */
  ready: remote.Command[];
}

/** Outputs of a cluster; those clients use are known once the cluster is ready. */
export function clusterOutputs(plan: Plan, made: Made): ClusterOutputs {
  const { passwords, pki, ready } = made;
  const { driver, aws, database, clock, postgresql, haproxy } = plan.settings;
  const { user, owner } = database;
  const proxies = plan.haproxy.map((node, index) => proxyOutput(plan, node, index));
  const endpoint = made.endpoint && pulumi.output(made.endpoint);
  const whenReady = pulumi.all(ready.map((command) => command.id));
  const connect = (password: pulumi.Output<string>, make: (password: string, front: Front) => string) =>
    pulumi.secret(
      pulumi.all([password, endpoint, whenReady]).apply(([secret, front]) => make(secret, front ?? proxies[0]!)),
    );
  const one =
    (role: string, use: keyof EndpointPorts) =>
    (password: string, { host, ports }: Front) =>
      // A load balancer without a name of ours has one that is in no certificate.
      url(plan, role, password, [{ host, port: ports[use] }], !endpoint || aws?.dns !== undefined);
  const all = (use: ClientPort) => proxies.map(({ host, ports }) => ({ host, port: ports[use] }));

  return {
    ...(endpoint && { endpoint }),
    writeUrl: connect(passwords.user.password, one(user, "write")),
    readUrl: connect(passwords.user.password, one(user, "read")),
    pooledUrl: connect(passwords.user.password, one(user, "pooled")),
    pooledReadUrl: connect(passwords.user.password, one(user, "pooledRead")),
    ownerUrl: connect(passwords.owner.password, one(owner, "write")),
    ...(Object.keys(passwords.roles).length > 0 && { rolePasswords: rolePasswords(passwords, whenReady) }),
    dsn: connect(
      passwords.user.password,
      (password) => `${url(plan, user, password, all("pooled"))}&target_session_attrs=read-write&connect_timeout=2`,
    ),
    readDsn: connect(passwords.user.password, (password) => `${url(plan, user, password, all("read"))}&${anySession}`),
    pooledReadDsn: connect(
      passwords.user.password,
      (password) => `${url(plan, user, password, all("pooledRead"))}&${anySession}`,
    ),
    statsUrls: pulumi.output(all("stats").map(({ host, port }) => `https://${host}:${port}/`)),
    statsPassword: pulumi.secret(passwords.stats),
    caCertificate: pki.caCertificate,
    cluster: pulumi
      .all([
        pulumi.all(made.machines.map((one) => nodeOutput(plan, pki, one))),
        pki.sshKey.publicKeyOpenssh,
        bastionOutput(made.bastion),
      ])
      .apply(([nodes, sshKey, bastion]) => ({
        name: plan.cluster,
        driver,
        database: { name: database.name, owner, user },
        databases: databasesOf(plan.settings).map((one) => ({ name: one.name, owner: one.owner, roles: one.visitors })),
        clock,
        poolers: poolerCounts(plan.settings),
        synchronous: postgresql.synchronous,
        maxReplicaLag: haproxy.maxReplicaLag,
        nodes,
        proxies,
        sshKey: sshKey.trim(),
        ...(bastion && { bastion }),
      })),
    ssh: pulumi.secret(
      pulumi
        .all([pki.sshKey.privateKeyOpenssh, made.bastionKey])
        // Pulumi takes the last line end from what is piped into it; OpenSSH wants it back.
        .apply(([privateKey, key]) => ({ user: adminUser, privateKey, ...(key && { bastionKey: `${key.trim()}\n` }) })),
    ),
  };
}

const rolePasswords = ({ roles }: Passwords, whenReady: pulumi.Output<unknown>) =>
  pulumi.secret(
    pulumi
      .all([
        pulumi.all(Object.fromEntries(Object.entries(roles).map(([role, { password }]) => [role, password]))),
        whenReady,
      ])
      .apply(([passwords]) => passwords),
  );

/** Where a client connects: the endpoint, or a proxy. */
type Front = { host: string; ports: EndpointPorts };

/** On Incus clients are on the host, and reach a proxy by its published ports. */
function proxyOutput({ settings }: Plan, { name, address }: Node, index: number): ProxyOutput {
  if (settings.driver === "incus") return { name, host: "127.0.0.1", ports: clientPorts(settings, index) };
  const { write, read, stats, pooled, pooledRead } = ports;
  return { name, host: address, ports: { write, read, stats, pooled, pooledRead } };
}

function nodeOutput(plan: Plan, pki: Pki, { node, machine }: NodeMachine): pulumi.Output<NodeOutput> {
  return pulumi.all([pki.hostKeyOf(node).publicKeyOpenssh, machine.id]).apply(([hostKey, instance]) => ({
    name: node.name,
    role: node.role,
    address: node.address,
    ...(node.zone !== undefined && { zone: node.zone }),
    ...(instance !== undefined && { instance }),
    hostKey: hostKey.trim(),
    files: Object.fromEntries(
      nodeFiles(plan, node).map(({ path, content }) => [path, createHash("sha256").update(content).digest("hex")]),
    ),
  }));
}

function bastionOutput(bastion: Bastion | undefined): pulumi.Output<BastionOutput> | undefined {
  if (!bastion) return undefined;
  const { host, port, user, hostKey } = bastion;
  return pulumi.all([host, hostKey]).apply(([name, key]) => ({ host: name, port, user, hostKey: key.trim() }));
}
