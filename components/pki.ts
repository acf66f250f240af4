import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import { tls as paths } from "../cloud-init/tls";
import type { File } from "../cloud-init/file";
import { allNodes, clientNames, type Node, type Plan, type Role } from "./plan";

/** OS user whose daemon reads the node's private key. HAProxy, too, reads it: as root, before it drops its rights. */
const keyOwner: Record<Role, string> = { etcd: "etcd", postgresql: "postgres", haproxy: "postgres" };

const caValidityHours = 10 * 365 * 24;

export interface PkiArgs {
  plan: Plan;
}

/**
 * The cluster's certificates and SSH keys: one CA per stack, one key pair per node (server and client at once, under the
 * node's name and addresses), one SSH key for operators and one host key per machine. All private parts are secret in state.
 *
 * A node's certificate is renewed by the first `pulumi up` in the last part of its life (`certificates.renewDays`
 * before its end); daemons take it up by a reload.
 */
export class Pki extends pulumi.ComponentResource {
  /** The CA's certificate, PEM. Public: clients verify servers with it. */
  readonly caCertificate: pulumi.Output<string>;
  /** The operators' SSH key. */
  readonly sshKey: tls.PrivateKey;
  /** SSH host key of the bastion. @default undefined: the cluster makes none */
  readonly bastionHostKey?: tls.PrivateKey;
  private readonly nodes = new Map<string, { hostKey: tls.PrivateKey; files: pulumi.Output<File[]> }>();

  constructor(name: string, args: PkiArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Pki", name, {}, opts);
    const { plan } = args;
    const { validityDays, renewDays } = plan.settings.certificates;

    const caKey = new tls.PrivateKey(`${name}-ca-key`, { algorithm: "ECDSA", ecdsaCurve: "P256" }, { parent: this });
    const ca = new tls.SelfSignedCert(
      `${name}-ca`,
      {
        privateKeyPem: caKey.privateKeyPem,
        subject: { commonName: `${plan.cluster} CA`, organization: "pgha" },
        isCaCertificate: true,
        setSubjectKeyId: true,
        validityPeriodHours: caValidityHours,
        allowedUses: ["cert_signing", "crl_signing"],
      },
      { parent: this },
    );

    for (const node of allNodes(plan)) {
      const key = new tls.PrivateKey(
        `${name}-${node.name}-key`,
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
      const certificate = new tls.LocallySignedCert(
        `${name}-${node.name}-cert`,
        {
          caPrivateKeyPem: caKey.privateKeyPem,
          caCertPem: ca.certPem,
          certRequestPem: request.certRequestPem,
          setSubjectKeyId: true,
          validityPeriodHours: validityDays * 24,
          earlyRenewalHours: renewDays * 24,
          allowedUses: ["digital_signature", "key_encipherment", "server_auth", "client_auth"],
        },
        { parent: this },
      );
      const hostKey = this.sshKeyPair(`${name}-${node.name}-ssh`);
      const files = pulumi
        .all([ca.certPem, certificate.certPem, key.privateKeyPem])
        .apply(([caPem, certPem, keyPem]) => keyFiles(node, caPem, certPem, keyPem));
      this.nodes.set(node.name, { hostKey, files });
    }

    this.caCertificate = ca.certPem;
    this.sshKey = this.sshKeyPair(`${name}-ssh`);
    const bastion = plan.settings.aws?.bastion;
    if (bastion && !("host" in bastion)) this.bastionHostKey = this.sshKeyPair(`${name}-bastion-ssh`);
    this.registerOutputs({ caCertificate: this.caCertificate, sshPublicKey: this.sshKey.publicKeyOpenssh });
  }

  /** A node's key pair and CA certificate as files, secret. */
  filesOf(node: Node): pulumi.Output<File[]> {
    return this.of(node).files;
  }

  /** A node's SSH host key. */
  hostKeyOf(node: Node): tls.PrivateKey {
    return this.of(node).hostKey;
  }

  private sshKeyPair(name: string): tls.PrivateKey {
    return new tls.PrivateKey(name, { algorithm: "ED25519" }, { parent: this });
  }

  private of(node: Node) {
    const found = this.nodes.get(node.name);
    if (!found) throw new Error(`no keys were made for ${node.name}`);
    return found;
  }
}

/** Names by which clients reach a node; localhost on the host itself, and through a tunnel. */
function namesFor(plan: Plan, node: Node): string[] {
  return ["localhost", ...(node.role === "etcd" ? [] : clientNames(plan.settings))];
}

/** The same for addresses. HAProxy passes TLS through: whoever asks a proxy for PostgreSQL is shown a database node's certificate. */
function addressesFor({ settings, haproxy }: Plan, node: Node): string[] {
  const passed = settings.driver === "aws" && node.role === "postgresql";
  return ["127.0.0.1", ...(passed ? haproxy.map(({ address }) => address) : [])];
}

function keyFiles(node: Node, ca: string, certificate: string, key: string): File[] {
  const owner = `${keyOwner[node.role]}:${keyOwner[node.role]}`;
  return [
    { path: paths.ca, owner: "root:root", mode: "0644", content: ca },
    { path: paths.cert, owner: "root:root", mode: "0644", content: certificate },
    { path: paths.key, owner, mode: "0600", content: key },
  ];
}
