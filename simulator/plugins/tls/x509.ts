// X.509 certificates and PKCS#10 requests, laid out as Go's crypto/x509 does for the real plugin.
import { createPublicKey, randomBytes, sign, type KeyObject } from "node:crypto";
import * as der from "../lib/der";
import { algorithmOf, sha1 } from "./key";
import { alternativeNames, SAN } from "./names";

export const KEY_USAGES = [
  "digital_signature",
  "content_commitment",
  "key_encipherment",
  "data_encipherment",
  "key_agreement",
  "cert_signing",
  "crl_signing",
  "encipher_only",
  "decipher_only",
];

export const EXTENDED_KEY_USAGES: Record<string, string> = {
  any_extended: "2.5.29.37.0",
  server_auth: "1.3.6.1.5.5.7.3.1",
  client_auth: "1.3.6.1.5.5.7.3.2",
  code_signing: "1.3.6.1.5.5.7.3.3",
  email_protection: "1.3.6.1.5.5.7.3.4",
  ipsec_end_system: "1.3.6.1.5.5.7.3.5",
  ipsec_tunnel: "1.3.6.1.5.5.7.3.6",
  ipsec_user: "1.3.6.1.5.5.7.3.7",
  timestamping: "1.3.6.1.5.5.7.3.8",
  ocsp_signing: "1.3.6.1.5.5.7.3.9",
  microsoft_server_gated_crypto: "1.3.6.1.4.1.311.10.3.3",
  netscape_server_gated_crypto: "2.16.840.1.113730.4.1",
  microsoft_commercial_code_signing: "1.3.6.1.4.1.311.2.1.22",
  microsoft_kernel_code_signing: "1.3.6.1.4.1.311.61.1.1",
};

const SKI = "2.5.29.14";
const KEY_USAGE = "2.5.29.15";
const BASIC_CONSTRAINTS = "2.5.29.19";
const AKI = "2.5.29.35";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

export const spki = (key: KeyObject): Buffer => createPublicKey(key).export({ format: "der", type: "spki" });

/** SHA-1 of the public key, in the real plugin's encoding of it. */
export function subjectKeyId(publicKeyInfo: Buffer): Buffer {
  const key = createPublicKey({ key: publicKeyInfo, format: "der", type: "spki" });
  const bytes = der.items(der.items(publicKeyInfo)[0]!.content)[1]!.content.subarray(1);
  return sha1(algorithmOf(key) === "ED25519" ? der.octets(bytes) : bytes);
}

/** Wraps what is to be signed with its signature and the name of the algorithm. */
function signed(content: (algorithm: Buffer) => Buffer, key: KeyObject): Buffer {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const hash = curve === "secp384r1" ? "sha384" : curve === "secp521r1" ? "sha512" : "sha256";
  const ecdsa = { sha256: "1.2.840.10045.4.3.2", sha384: "1.2.840.10045.4.3.3", sha512: "1.2.840.10045.4.3.4" };
  const algorithm = {
    RSA: () => der.sequence(der.oid("1.2.840.113549.1.1.11"), Buffer.from([5, 0])),
    ECDSA: () => der.sequence(der.oid(ecdsa[hash])),
    ED25519: () => der.sequence(der.oid("1.3.101.112")),
  }[algorithmOf(key)]();
  const body = content(algorithm);
  const signature = sign(algorithmOf(key) === "ED25519" ? null : hash, body, key);
  return der.sequence(body, algorithm, der.bits(signature));
}

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));

function keyUsage(uses: string[]): Buffer {
  const set = KEY_USAGES.flatMap((use, bit) => (uses.includes(use) ? [bit] : []));
  const last = Math.max(...set);
  const bytes = Buffer.alloc((last >> 3) + 1);
  for (const bit of set) {
    bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  }
  return der.bits(bytes, 7 - (last & 7));
}

export interface Template {
  /** DER of the subject, the public key, and the alternative names (empty: none). */
  subject: Buffer;
  publicKeyInfo: Buffer;
  names: Buffer[];
  allowedUses: string[];
  isCa: boolean;
  maxPathLength?: number;
  setSubjectKeyId: boolean;
  /** Self-signed only: name the key itself as the authority's. */
  setAuthorityKeyId?: boolean;
  validityHours: number;
}

export interface Issuer {
  subject: Buffer;
  subjectKeyId?: Buffer;
}

export interface Issued {
  pem: string;
  serial: bigint;
  start: Date;
  end: Date;
}

/** Issues a certificate; without an issuer it is self-signed. */
export function certificate(template: Template, key: KeyObject, issuer?: Issuer): Issued {
  const { subject, publicKeyInfo, names, allowedUses, isCa, maxPathLength } = template;
  if (isCa && subject.equals(der.sequence())) {
    throw new Error("subject must contain at least one Distinguished Name for a Certificate Authority (CA)");
  }
  if (!isCa && maxPathLength !== undefined && maxPathLength > 0) {
    throw new Error("maxPathLength is only for a certificate with isCaCertificate: true");
  }
  const ownKeyId = isCa || template.setSubjectKeyId ? subjectKeyId(publicKeyInfo) : undefined;
  const authorityKeyId = issuer ? issuer.subjectKeyId : template.setAuthorityKeyId ? ownKeyId : undefined;
  if (template.setAuthorityKeyId && !authorityKeyId) {
    throw new Error("setAuthorityKeyId needs setSubjectKeyId or isCaCertificate: there is no key id to name");
  }
  // Go takes a path length of 0 without its MaxPathLenZero flag as "not set", and the real plugin never sets the flag.
  const limit = isCa && maxPathLength !== undefined && maxPathLength > 0 ? [der.integer(maxPathLength)] : [];
  const extended = allowedUses.flatMap((use) => EXTENDED_KEY_USAGES[use] ?? []);
  const extensions = [
    ...(allowedUses.some((use) => KEY_USAGES.includes(use)) ? [extension(KEY_USAGE, keyUsage(allowedUses), true)] : []),
    ...(extended.length > 0 ? [extension(EXTENDED_KEY_USAGE, der.sequence(...extended.map(der.oid)))] : []),
    extension(BASIC_CONSTRAINTS, der.sequence(...(isCa ? [der.boolean(true), ...limit] : [])), true),
    ...(ownKeyId ? [extension(SKI, der.octets(ownKeyId))] : []),
    ...(authorityKeyId ? [extension(AKI, der.sequence(der.contextPrimitive(0, authorityKeyId)))] : []),
    ...(names.length > 0 ? [extension(SAN, der.sequence(...names), subject.equals(der.sequence()))] : []),
  ];
  const serial = BigInt(`0x${randomBytes(16).toString("hex")}`);
  const start = new Date();
  const end = new Date(start.getTime() + template.validityHours * 3_600_000);
  const bytes = signed(
    (algorithm) =>
      der.sequence(
        der.context(0, der.integer(2)),
        der.integer(serial),
        algorithm,
        issuer?.subject ?? subject,
        der.sequence(der.time(start), der.time(end)),
        subject,
        publicKeyInfo,
        der.context(3, der.sequence(...extensions)),
      ),
    key,
  );
  return { pem: der.pem("CERTIFICATE", bytes), serial, start, end };
}

/** A certificate signing request, in DER. */
export function certificateRequest(subject: Buffer, names: Buffer[], key: KeyObject): Buffer {
  const asked = names.length > 0 ? [extension(SAN, der.sequence(...names))] : [];
  const attributes = asked.map((one) => der.sequence(der.oid(EXTENSION_REQUEST), der.set(der.sequence(one))));
  return signed(() => der.sequence(der.integer(0), subject, spki(key), der.context(0, ...attributes)), key);
}

/** What a certificate takes over from a request. */
export function parseRequest(pem: string): Pick<Template, "subject" | "publicKeyInfo" | "names"> {
  const [request] = der.items(der.unpem("CERTIFICATE REQUEST", pem));
  const [, subject, publicKeyInfo, attributes] = der.items(der.items(request!.content)[0]!.content);
  const wanted = der.oid(EXTENSION_REQUEST);
  const extensions = der
    .items(attributes?.content ?? Buffer.alloc(0))
    .map(({ content }) => der.items(content))
    .filter(([id]) => id?.raw.equals(wanted))
    .flatMap(([, values]) => der.items(values!.content).flatMap(({ content }) => der.items(content)));
  return { subject: subject!.raw, publicKeyInfo: publicKeyInfo!.raw, names: alternativeNames(find(extensions, SAN)) };
}

/** What an issued certificate needs of its authority's; `isCa` is false where the certificate does not say so. */
export function parseAuthority(pem: string): Issuer & { publicKeyInfo: Buffer; isCa: boolean } {
  const [whole] = der.items(der.unpem("CERTIFICATE", pem));
  const fields = der.items(der.items(whole!.content)[0]!.content);
  const [, , , , subject, publicKeyInfo] = fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
  const last = fields.at(-1)!;
  const extensions = last.tag === 0xa3 ? der.items(der.items(last.content)[0]!.content) : [];
  const keyId = find(extensions, SKI);
  const constraints = find(extensions, BASIC_CONSTRAINTS);
  return {
    subject: subject!.raw,
    publicKeyInfo: publicKeyInfo!.raw,
    subjectKeyId: keyId && der.items(keyId)[0]?.content,
    isCa: constraints !== undefined && der.items(der.items(constraints)[0]!.content)[0]?.content[0] === 0xff,
  };
}

/** The value of an extension. */
function find(extensions: der.Item[], id: string): Buffer | undefined {
  const wanted = der.oid(id);
  const found = extensions.map(({ content }) => der.items(content)).find(([own]) => own?.raw.equals(wanted));
  return found?.at(-1)?.content;
}
