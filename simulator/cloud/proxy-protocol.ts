/** The header of the PROXY protocol, version 2 (haproxy.org, doc/proxy-protocol.txt), for TCP over IPv4. */

const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

interface Address {
  host: string;
  port: number;
}

const octets = (host: string) => host.split(".").map(Number);
const two = (port: number) => [port >> 8, port & 255];

/** Says who connected, and to what. */
export const proxied = (from: Address, to: Address): Buffer =>
  Buffer.concat([
    signature,
    Buffer.from([0x21, 0x11, 0, 12, ...octets(from.host), ...octets(to.host), ...two(from.port), ...two(to.port)]),
  ]);

/** Says that the connection is the balancer's own, as one for a health check. */
export const local: Buffer = Buffer.concat([signature, Buffer.from([0x20, 0, 0, 0])]);
