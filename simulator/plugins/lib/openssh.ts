// Keys in OpenSSH's formats: authorized_keys lines and openssh-key-v1 private keys.
import { createHash, createPublicKey, randomBytes, type JsonWebKey, type KeyObject } from "node:crypto";
import { pem } from "./der";

/** A length-prefixed string of the SSH wire format. */
function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A positive number of the SSH wire format, from JWK's base64url. */
function number(value: string | undefined): Buffer {
  const bytes = Buffer.from(value ?? "", "base64url");
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? Buffer.alloc(0) : bytes.subarray(start);
  return text((digits[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
}

const raw = (value: string | undefined): Buffer => Buffer.from(value ?? "", "base64url");
const NISTP: Record<string, string> = { "P-256": "nistp256", "P-384": "nistp384", "P-521": "nistp521" };

/** P-224 has no place in SSH. */
export const hasOpenssh = (key: KeyObject): boolean => key.asymmetricKeyDetails?.namedCurve !== "secp224r1";

function keyType(jwk: JsonWebKey): string {
  if (jwk.kty === "RSA") return "ssh-rsa";
  return jwk.kty === "OKP" ? "ssh-ed25519" : `ecdsa-sha2-${NISTP[jwk.crv ?? ""]}`;
}

function publicFields(jwk: JsonWebKey): Buffer[] {
  if (jwk.kty === "RSA") return [number(jwk.e), number(jwk.n)];
  if (jwk.kty === "OKP") return [text(raw(jwk.x))];
  return [text(NISTP[jwk.crv ?? ""] ?? ""), text(Buffer.concat([Buffer.from([4]), raw(jwk.x), raw(jwk.y)]))];
}

function privateFields(jwk: JsonWebKey): Buffer[] {
  if (jwk.kty === "RSA") return [jwk.n, jwk.e, jwk.d, jwk.qi, jwk.p, jwk.q].map(number);
  if (jwk.kty === "OKP") return [...publicFields(jwk), text(Buffer.concat([raw(jwk.d), raw(jwk.x)]))];
  return [...publicFields(jwk), number(jwk.d)];
}

/** The public half as SSH sends it. */
export function publicBlob(key: KeyObject): Buffer {
  const jwk = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  return Buffer.concat([text(keyType(jwk)), ...publicFields(jwk)]);
}

/** A line of authorized_keys, without comment, ending in a newline. */
export function authorizedKey(key: KeyObject): string {
  const blob = publicBlob(key);
  return `${blob.subarray(4, 4 + blob.readUInt32BE()).toString()} ${blob.toString("base64")}\n`;
}

export function fingerprints(key: KeyObject): { md5: string; sha256: string } {
  const digest = (algorithm: string): Buffer => createHash(algorithm).update(publicBlob(key)).digest();
  return {
    md5: digest("md5")
      .toString("hex")
      .replace(/(..)(?=.)/g, "$1:"),
    sha256: `SHA256:${digest("sha256").toString("base64").replace(/=+$/, "")}`,
  };
}

/** An unencrypted openssh-key-v1 private key. */
export function opensshPrivateKey(key: KeyObject): string {
  const jwk = key.export({ format: "jwk" });
  const check = randomBytes(4);
  const secrets = Buffer.concat([check, check, text(keyType(jwk)), ...privateFields(jwk), text("")]);
  const padding = Buffer.from(Array.from({ length: (8 - (secrets.length % 8)) % 8 }, (_, i) => i + 1));
  return pem(
    "OPENSSH PRIVATE KEY",
    Buffer.concat([
      Buffer.from("openssh-key-v1\0"),
      text("none"),
      text("none"),
      text(""),
      Buffer.from([0, 0, 0, 1]),
      text(publicBlob(key)),
      text(Buffer.concat([secrets, padding])),
    ]),
  );
}
