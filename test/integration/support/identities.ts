/** Certificates of a stack's nodes with their keys, and ones like them that must not be worth anything. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { certificate, parseAuthority, parseRequest } from "../../../simulator/plugins/tls/x509";
import type { TestStack } from "../../../simulator/stack";

/** What a client shows in TLS. */
export interface Identity {
  cert: string;
  key: string;
}

/** A node's identity, and what made it. */
interface Made extends Identity {
  /** Name of its resource, which has the node's in it. */
  name: string;
  request: string;
  caKey: string;
  caCert: string;
}

/** All certificates of the stack's nodes, by its state. */
async function identities(stack: Pick<TestStack, "mustPulumi">): Promise<Made[]> {
  const state = JSON.parse(await stack.mustPulumi("stack", "export", "--show-secrets")) as {
    deployment: { resources: { urn: string; type: string; outputs?: Record<string, unknown> }[] };
  };
  const plain = (value: unknown): string => {
    const secret = (value as { plaintext?: string } | undefined)?.plaintext;
    return String(secret === undefined ? value : JSON.parse(secret));
  };
  const { resources } = state.deployment;
  const keys = resources
    .filter(({ type }) => type === "tls:index/privateKey:PrivateKey")
    .map(({ outputs }) => plain(outputs?.privateKeyPem));
  const publicOf = (key: string) => createPublicKey(key).export({ format: "der", type: "spki" });
  return resources
    .filter(({ type }) => type === "tls:index/locallySignedCert:LocallySignedCert")
    .map(({ urn, outputs = {} }) => {
      const request = plain(outputs.certRequestPem);
      const wanted = parseRequest(request).publicKeyInfo;
      return {
        name: urn.split("::").at(-1)!,
        cert: plain(outputs.certPem),
        key: keys.find((key) => publicOf(key).equals(wanted))!,
        request,
        caKey: plain(outputs.caPrivateKeyPem),
        caCert: plain(outputs.caCertPem),
      };
    });
}

/** An identity like another, by an authority of choice. @param hours how long it is worth something; negative: it has ended */
function forged({ request, key }: Made, authority: { key: string; cert: string }, hours: number): Identity {
  const { subject, publicKeyInfo, names } = parseRequest(request);
  const template = {
    subject,
    publicKeyInfo,
    names,
    allowedUses: ["digital_signature", "client_auth", "server_auth"],
    isCa: false,
    setSubjectKeyId: true,
    validityHours: hours,
  };
  return { cert: certificate(template, createPrivateKey(authority.key), parseAuthority(authority.cert)).pem, key };
}

/** An authority of the same name as another, with a key of its own. */
function foreignAuthority(like: string): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const template = {
    subject: parseAuthority(like).subject,
    publicKeyInfo: publicKey.export({ format: "der", type: "spki" }),
    names: [],
    allowedUses: ["cert_signing"],
    isCa: true,
    setSubjectKeyId: true,
    validityHours: 1,
  };
  const key = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  return { key, cert: certificate(template, privateKey).pem };
}

/** Identities with which nobody is a role of PostgreSQL's by `cert` from a client's place, by what they are. */
export async function worthless(stack: Pick<TestStack, "mustPulumi">): Promise<Record<string, Identity>> {
  const all = await identities(stack);
  const of = (node: string) => all.filter(({ name }) => name.includes(node));
  const found: Record<string, Identity> = {};
  for (const node of ["etcd1", "postgresql1"]) {
    for (const made of of(node)) found[`the certificate ${made.name}`] = made;
  }
  for (const made of of("haproxy1")) {
    const { caKey, caCert, name } = made;
    found[`${name}, ended`] = forged(made, { key: caKey, cert: caCert }, -1);
    found[`${name} by another CA`] = forged(made, foreignAuthority(caCert), 1);
  }
  return found;
}
