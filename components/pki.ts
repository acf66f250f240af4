import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { adminUser } from "../cloud-init/user-data";
import { tls as paths } from "../settings/tls";
import type { File } from "../cloud-init/file";
import { makeAuthorities, numbered, type Authorities } from "./authorities";
import { allNodes, clientNames, type Node, type Plan } from "../settings/plan";
import type { Role } from "../settings/roles";

/**
 * Whose daemon reads the node's private key: PgBouncer's, as `postgres`, on a proxy. A group is that of the other daemons there: the
 * witness; HAProxy and the gate.
 */
const keyReaders: Record<Role, { owner: string; mode: string }> = {
  etcd: { owner: "etcd:pgha-witness", mode: "0640" },
  // PostgreSQL takes no key of its own that others may read.
  postgresql: { owner: "postgres:postgres", mode: "0600" },
  haproxy: { owner: "postgres:haproxy", mode: "0640" },
};

export interface PkiArgs {
  plan: Plan;
}

/**
 * The cluster's certificates and SSH keys: an authority that signs, one key per node with a certificate for each purpose
 * (server, client) under the node's name and addresses, one SSH key for operators and one host key per machine. All private parts
 * are secret in state.
 *
 * A node's certificate is renewed by the first `pulumi up` in the last part of its life (`certificates.renewDays`
 * before its end); daemons take it up by a reload.
 */
export class Pki extends pulumi.ComponentResource {
  /** Certificates of the authorities, PEM. Public: clients verify servers with them. */
  readonly caCertificate: pulumi.Output<string>;
  /** The operators' SSH key. */
  readonly sshKey: tls.PrivateKey;
  /** Who may log in to a machine. */
  readonly authorizedKeys: pulumi.Output<File>;
  /** SSH host key of the bastion. @default undefined: the cluster makes none */
  readonly bastionHostKey?: tls.PrivateKey;
  private readonly nodes = new Map<string, { hostKey: tls.PrivateKey; files: pulumi.Output<File[]> }>();

  constructor(name: string, args: PkiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Pki", name, {}, opts);
    const { plan } = args;
    const { validityDays, renewDays, authority, alsoTrust } = plan.settings.certificates;

    const authorities = makeAuthorities(name, `${plan.cluster} CA`, plan, this);
    // Only PostgreSQL trusts what it signs. A proxy is not a client of anybody else: etcd, Patroni and the gates do not know it.
    const forProxies = makeAuthorities(`${name}-proxies`, `${plan.cluster} CA of proxies`, plan, this);

    for (const node of allNodes(plan)) {
      // With another authority comes another key: one that was stolen must not be signed again.
      const key = new tls.PrivateKey(
        numbered(`${name}-${node.name}-key`, authority),
        { algorithm: "ECDSA", ecdsaCurve: "P256" },
        { parent: this },
      );
      const request = new tls.CertRequest(
        `${name}-${node.name}-request`,
        {
          privateKeyPem: key.privateKeyPem,
          subject: { commonName: node.name, organization: plan.cluster },
          dnsNames: [node.name, ...namesFor(plan, node)],
          ipAddresses: [node.address, ...addressesFor(plan, node)],
        },
        { parent: this },
      );
      const certificate = (resource: string, by: Authorities, use: "client_auth" | "server_auth") =>
        new tls.LocallySignedCert(
          resource,
          {
            caPrivateKeyPem: by.key.privateKeyPem,
            caCertPem: by.certificate.certPem,
            certRequestPem: request.certRequestPem,
            setSubjectKeyId: true,
            validityPeriodHours: validityDays * 24,
            earlyRenewalHours: renewDays * 24,
            allowedUses: ["digital_signature", use],
          },
          { parent: this },
        ).certPem;
      const asClient = node.role === "haproxy" ? forProxies : authorities;
      const client = certificate(`${name}-${node.name}-cert`, asClient, "client_auth");
      const server = certificate(`${name}-${node.name}-server-cert`, authorities, "server_auth");
      const hostKey = this.sshKeyPair(`${name}-${node.name}-ssh`);
      const files = pulumi
        .all([authorities.trusted, forProxies.trusted, client, server, key.privateKeyPem])
        .apply((pems) => keyFiles(node, ...pems));
      this.nodes.set(node.name, { hostKey, files });
    }

    this.caCertificate = authorities.trusted;
    // As with authorities: the next one is let in everywhere before it is used.
    this.sshKey = this.sshKeyPair(numbered(`${name}-ssh`, authority));
    const nextKeys = alsoTrust.map((number) => this.sshKeyPair(numbered(`${name}-ssh`, number)));
    this.authorizedKeys = pulumi
      .all([this.sshKey, ...nextKeys].map(({ publicKeyOpenssh }) => publicKeyOpenssh))
      .apply((keys) => ({
        path: `/home/${adminUser}/.ssh/authorized_keys`,
        owner: `${adminUser}:${adminUser}`,
        mode: "0600",
        content: keys.map((key) => `${key.trim()}\n`).join(""),
      }));
    const bastion = plan.settings.aws?.bastion;
    if (bastion && !("host" in bastion)) this.bastionHostKey = this.sshKeyPair(`${name}-bastion-ssh`);
    this.registerOutputs({ caCertificate: this.caCertificate, sshPublicKey: this.sshKey.publicKeyOpenssh });
  }

  /** A node's key, its certificates and those of the CA as files, secret. */
  filesOf(node: Node): pulumi.Output<File[]> {
    return this.keysOf(node).files;
  }

  /** A node's SSH host key. */
  hostKeyOf(node: Node): tls.PrivateKey {
    return this.keysOf(node).hostKey;
  }

  private sshKeyPair(name: string): tls.PrivateKey {
    return new tls.PrivateKey(name, { algorithm: "ED25519" }, { parent: this });
  }

  private keysOf(node: Node) {
    const found = this.nodes.get(node.name);
    if (!found) throw new Error(`no keys were made for ${node.name}`);
    return found;
  }
}

/**
 * Names by which clients reach what is on a node besides its own. They come by a proxy, which shows its own certificate or, because it
 * passes TLS through, a database node's: by localhost on the host itself and through a tunnel.
 */
function namesFor(plan: Plan, { role }: Node): string[] {
  return role === "etcd" ? [] : ["localhost", ...clientNames(plan.settings)];
}

/** The same for addresses. PgBouncer, too, reaches the leader by the loopback interface. */
function addressesFor({ settings, haproxy }: Plan, { role }: Node): string[] {
  if (role === "etcd") return [];
  const passed = settings.driver === "aws" && role === "postgresql";
  return ["127.0.0.1", ...(passed ? haproxy.map(({ address }) => address) : [])];
}

function keyFiles(node: Node, ca: string, proxies: string, client: string, server: string, key: string): File[] {
  return [
    { path: paths.ca, owner: "root:root", mode: "0644", content: ca },
    ...(node.role === "postgresql"
      ? [{ path: paths.clients, owner: "root:root", mode: "0644", content: ca + proxies }]
      : []),
    { path: paths.client, owner: "root:root", mode: "0644", content: client },
    { path: paths.server, owner: "root:root", mode: "0644", content: server },
    { path: paths.key, ...keyReaders[node.role], content: key },
  ];
}
