// The little of ASN.1 DER that certificates need. A library is not used: @peculiar/x509 needs webcrypto, which has no
// P-224, and a reflection polyfill, and takes longer to load than the whole plugin.

const tlv = (tag: number, ...content: Buffer[]): Buffer => {
  const body = Buffer.concat(content);
  const size: number[] = [];
  for (let rest = body.length; rest > 0; rest >>>= 8) {
    size.unshift(rest & 255);
  }
  const length = body.length < 128 ? [body.length] : [0x80 | size.length, ...size];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};

export const sequence = (...items: Buffer[]): Buffer => tlv(0x30, ...items);
export const set = (...items: Buffer[]): Buffer => tlv(0x31, ...items);
export const boolean = (value: boolean): Buffer => tlv(0x01, Buffer.from([value ? 0xff : 0]));
export const octets = (bytes: Buffer): Buffer => tlv(0x04, bytes);
export const ia5 = (value: string): Buffer => tlv(0x16, Buffer.from(value, "latin1"));
export const context = (number: number, ...items: Buffer[]): Buffer => tlv(0xa0 | number, ...items);
export const contextPrimitive = (number: number, bytes: Buffer): Buffer => tlv(0x80 | number, bytes);
export const bits = (bytes: Buffer, unused = 0): Buffer => tlv(0x03, Buffer.from([unused]), bytes);

/** PrintableString where the characters allow it, else UTF8String. */
export const directoryString = (value: string): Buffer =>
  tlv(/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? 0x13 : 0x0c, Buffer.from(value));

/** A number that is not negative. */
export function integer(value: bigint | number): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex");
  return tlv(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((part) => {
    const groups = [part & 127];
    for (let more = part >>> 7; more > 0; more >>>= 7) {
      groups.unshift((more & 127) | 128);
    }
    return groups;
  });
  return tlv(0x06, Buffer.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime after, as RFC 5280 wants. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
}

export interface Item {
  tag: number;
  /** The whole of it, header included. */
  raw: Buffer;
  content: Buffer;
}

/** The items that follow each other in these bytes. */
export function items(bytes: Buffer): Item[] {
  const found: Item[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes.readUInt8(at);
    let length = bytes.readUInt8(at + 1);
    let start = at + 2;
    if (length >= 128) {
      const size = length & 127;
      length = bytes.readUIntBE(start, size);
      start += size;
    }
    const end = start + length;
    if (end > bytes.length) {
      throw new Error("truncated ASN.1 data");
    }
    found.push({ tag, raw: bytes.subarray(at, end), content: bytes.subarray(start, end) });
    at = end;
  }
  return found;
}

export function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** The bytes of the first PEM block, which must have this label. */
export function unpem(label: string, text: string): Buffer {
  const block = /-----BEGIN ([^-]+)-----\s([^-]*)-----END \1-----/.exec(text);
  if (!block) {
    throw new Error(`failed to decode PEM of expected type "${label}"`);
  }
  if (block[1] !== label) {
    throw new Error(`invalid PEM type - expected "${label}", got "${block[1]}"`);
  }
  return Buffer.from(block[2] ?? "", "base64");
}
