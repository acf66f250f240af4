/** IPv4 networks as plain numbers: just enough to give every node a fixed address. */
export interface Cidr {
  /** Network address as an unsigned 32-bit number. */
  base: number;
  /** Prefix length in bits, 0 to 32. */
  bits: number;
}

/** Reads `10.88.0.0/24`; undefined when it is not an IPv4 network, or has bits set beyond its prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (!match) return undefined;
  const [a, b, c, d, bits] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((octet) => octet > 255) || bits > 32) return undefined;
  const base = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  return (base & mask) >>> 0 === base ? { base, bits } : undefined;
}

/** The address `host` places above the network's base, in dotted form. */
export function addressAt(cidr: Cidr, host: number): string {
  const address = cidr.base + host;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** True when the network lies in the private ranges of RFC 1918. */
export function isPrivate(cidr: Cidr): boolean {
  return ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].some((range) => {
    const outer = parseCidr(range)!;
    return (
      cidr.bits >= outer.bits && Math.floor(cidr.base / 2 ** (32 - outer.bits)) * 2 ** (32 - outer.bits) === outer.base
    );
  });
}

/** The fewest networks that are a range of addresses together: `10.88.0.31/32`, `10.88.0.32/29` of `10.88.0.31-10.88.0.39`. */
export function networksOf(range: string): string[] {
  const [first, last] = range.split("-").map((address) => parseCidr(`${address}/32`)!.base) as [number, number];
  const found: string[] = [];
  for (let base = first; base <= last;) {
    let size = 1;
    while (base % (2 * size) === 0 && base + 2 * size - 1 <= last) size *= 2;
    found.push(`${addressAt({ base, bits: 32 }, 0)}/${32 - Math.log2(size)}`);
    base += size;
  }
  return found;
}
