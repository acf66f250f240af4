// bcrypt ($2a$), for RandomPassword's bcryptHash: node has none built in.
import { randomBytes } from "node:crypto";

const WORDS = 18 + 4 * 256;

/** Blowfish starts from the binary digits of pi: the round keys P, then the four substitution boxes S. */
let digits: Uint32Array | undefined;
function piWords(): Uint32Array {
  if (digits) {
    return digits;
  }
  const bits = BigInt(WORDS * 32);
  const guard = 64n;
  const one = 1n << (bits + guard);
  const arctanOfInverse = (n: bigint): bigint => {
    let power = one / n;
    let sum = power;
    for (let i = 3n, sign = -1n; power > 0n; i += 2n, sign = -sign) {
      power /= n * n;
      sum += (sign * power) / i;
    }
    return sum;
  };
  const pi = 4n * (4n * arctanOfInverse(5n) - arctanOfInverse(239n)); // Machin
  const hex = ((pi - 3n * one) >> guard).toString(16).padStart(WORDS * 8, "0");
  digits = Uint32Array.from({ length: WORDS }, (_, i) => parseInt(hex.slice(i * 8, i * 8 + 8), 16));
  return digits;
}

class Blowfish {
  readonly state = piWords().slice();
  left = 0;
  right = 0;

  encrypt(): void {
    const state = this.state;
    let l = this.left;
    let r = this.right;
    for (let i = 0; i < 16; i += 2) {
      l ^= state[i]!;
      r ^= this.mix(l);
      r ^= state[i + 1]!;
      l ^= this.mix(r);
    }
    this.left = r ^ state[17]!;
    this.right = l ^ state[16]!;
  }

  private mix(x: number): number {
    const s = this.state;
    const sum = s[18 + (x >>> 24)]! + s[274 + ((x >>> 16) & 255)]!;
    return (((sum ^ s[530 + ((x >>> 8) & 255)]!) >>> 0) + s[786 + (x & 255)]!) | 0;
  }

  /** Mixes a key into P, then replaces the whole state by encryptions of itself, with the salt mixed in. */
  expand(key: Int32Array, salt?: Int32Array): void {
    for (let i = 0; i < 18; i++) {
      this.state[i]! ^= key[i % key.length]!;
    }
    this.left = 0;
    this.right = 0;
    for (let i = 0; i < WORDS; i += 2) {
      if (salt) {
        this.left ^= salt[i % 4]!;
        this.right ^= salt[(i + 1) % 4]!;
      }
      this.encrypt();
      this.state[i] = this.left;
      this.state[i + 1] = this.right;
    }
  }
}

/** The bytes repeated to `count` big-endian words. */
function cyclicWords(bytes: Buffer, count: number): Int32Array {
  const repeated = Buffer.alloc(count * 4, bytes);
  return Int32Array.from({ length: count }, (_, i) => repeated.readInt32BE(i * 4));
}

const ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base64 = (bytes: Buffer): string =>
  bytes
    .toString("base64")
    .replace(/=/g, "")
    .replace(/./g, (c) => ALPHABET[STANDARD.indexOf(c)] ?? "");

/**
 * The bcrypt hash of a password, of its first 72 bytes as the real plugin's.
 * @param cost rounds as a power of two; default 10, as the real plugin's
 */
export function bcrypt(password: string, cost = 10, salt = randomBytes(16)): string {
  const key = cyclicWords(Buffer.from(`${password}\0`).subarray(0, 72), 18);
  const saltWords = cyclicWords(salt, 4);
  const saltKey = cyclicWords(salt, 18);
  const cipher = new Blowfish();
  cipher.expand(key, saltWords);
  for (let round = 0; round < 2 ** cost; round++) {
    cipher.expand(key);
    cipher.expand(saltKey);
  }
  const text = cyclicWords(Buffer.from("OrpheanBeholderScryDoubt"), 6);
  const hash = Buffer.alloc(24);
  for (let pair = 0; pair < 6; pair += 2) {
    cipher.left = text[pair]!;
    cipher.right = text[pair + 1]!;
    for (let i = 0; i < 64; i++) {
      cipher.encrypt();
    }
    hash.writeInt32BE(cipher.left, pair * 4);
    hash.writeInt32BE(cipher.right, pair * 4 + 4);
  }
  return `$2a$${String(cost).padStart(2, "0")}$${base64(salt)}${base64(hash.subarray(0, 23))}`;
}
