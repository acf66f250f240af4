// tls.PrivateKey
import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { unpem } from "../lib/der";
import { authorizedKey, fingerprints, hasOpenssh, opensshPrivateKey } from "../lib/openssh";
import type { ResourceType } from "../lib/plugin";

export type Algorithm = "RSA" | "ECDSA" | "ED25519";

const CURVES: Record<string, string> = { P224: "secp224r1", P256: "prime256v1", P384: "secp384r1", P521: "secp521r1" };

export function algorithmOf(key: KeyObject): Algorithm {
  const algorithms: Record<string, Algorithm> = { rsa: "RSA", ec: "ECDSA", ed25519: "ED25519" };
  const algorithm = algorithms[key.asymmetricKeyType ?? ""];
  if (!algorithm) {
    throw new Error(`unsupported private key type: ${key.asymmetricKeyType}`);
  }
  return algorithm;
}

/** Parses PKCS#1, SEC1 or PKCS#8 PEM; `input` is named in the error, the key never is. */
export function parsePrivateKey(pem: string, input: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error(`${input} is not a private key in PEM format`);
  }
}

export const sha1 = (bytes: Buffer): Buffer => createHash("sha1").update(bytes).digest();

const generate = promisify(generateKeyPair) as (
  type: string,
  options: object,
) => Promise<{ privateKey: KeyObject; publicKey: KeyObject }>;

export const PrivateKey: ResourceType = {
  inputs: {
    algorithm: { type: "string", required: true, oneOf: ["RSA", "ECDSA", "ED25519"], replaces: true },
    rsaBits: { type: "integer", default: 2048, min: 512, replaces: true },
    ecdsaCurve: { type: "string", default: "P224", oneOf: Object.keys(CURVES), replaces: true },
  },
  computed: [
    "privateKeyPem",
    "privateKeyPemPkcs8",
    "privateKeyOpenssh",
    "publicKeyPem",
    "publicKeyOpenssh",
    "publicKeyFingerprintMd5",
    "publicKeyFingerprintSha256",
  ],
  secretOutputs: ["privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"],
  async create({ algorithm, rsaBits, ecdsaCurve }) {
    const { privateKey } = await {
      RSA: () => generate("rsa", { modulusLength: rsaBits }),
      ECDSA: () => generate("ec", { namedCurve: CURVES[String(ecdsaCurve)] }),
      ED25519: () => generate("ed25519", {}),
    }[algorithm as Algorithm]();
    const traditional = { RSA: "pkcs1", ECDSA: "sec1", ED25519: "pkcs8" } as const;
    const type = traditional[algorithm as Algorithm];
    const publicKeyPem = createPublicKey(privateKey).export({ format: "pem", type: "spki" }).toString();
    const openssh = hasOpenssh(privateKey);
    const { md5, sha256 } = openssh ? fingerprints(privateKey) : { md5: "", sha256: "" };
    return {
      id: sha1(unpem("PUBLIC KEY", publicKeyPem)).toString("hex"),
      outputs: {
        privateKeyPem: privateKey.export({ format: "pem", type: type as "pkcs8" }).toString(),
        privateKeyPemPkcs8: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
        privateKeyOpenssh: openssh ? opensshPrivateKey(privateKey) : "",
        publicKeyPem,
        publicKeyOpenssh: openssh ? authorizedKey(privateKey) : "",
        publicKeyFingerprintMd5: md5,
        publicKeyFingerprintSha256: sha256,
      },
    };
  },
};
