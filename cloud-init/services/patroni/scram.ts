import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** PostgreSQL's default `scram_iterations`. */
const iterations = 4096;

/**
 * The SCRAM-SHA-256 verifier PostgreSQL stores for a password (RFC 5803; `scram-common.c`), so that the password itself
 * never travels to a database machine. The same password and salt give the same verifier.
 * @param password printable ASCII, so that SASLprep leaves it as it is
 * @param salt at least 16 random bytes
 */
export function scramVerifier(password: string, salt: Buffer): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new Error("a password must be printable ASCII");
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** Password verifiers of the roles that log in with a password. */
export interface Verifiers {
  owner: string;
  user: string;
  /** Of the roles that the settings declare, by name. */
  roles: Record<string, string>;
}
