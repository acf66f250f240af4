// Subjects and alternative names of certificates.
import { isIP } from "node:net";
import * as der from "../lib/der";
import type { Failure, Property } from "../lib/plugin";
import type { Value, Values } from "../lib/wire";

export const SAN = "2.5.29.17";

// In the order Go writes them.
const SUBJECT: [input: string, oid: string][] = [
  ["country", "2.5.4.6"],
  ["organization", "2.5.4.10"],
  ["organizationalUnit", "2.5.4.11"],
  ["locality", "2.5.4.7"],
  ["province", "2.5.4.8"],
  ["streetAddresses", "2.5.4.9"],
  ["postalCode", "2.5.4.17"],
  ["commonName", "2.5.4.3"],
  ["serialNumber", "2.5.4.5"],
  ["emailAddress", "1.2.840.113549.1.9.1"],
];

const text: Property = { type: "string" };
const texts: Property = { type: "list", items: text, replaces: true };

/** Inputs that SelfSignedCert and CertRequest share. */
export const nameInputs = {
  dnsNames: texts,
  ipAddresses: texts,
  uris: texts,
  subject: {
    type: "object",
    replaces: true,
    fields: Object.fromEntries(SUBJECT.map(([input]) => [input, input === "streetAddresses" ? texts : text])),
  },
} satisfies Record<string, Property>;

export function subjectName(subject: Values | undefined): Buffer {
  const relative = SUBJECT.map(([input, id]) => {
    const value = subject?.[input];
    const values = Array.isArray(value) ? value.map(String) : value ? [String(value)] : [];
    const encode = input === "emailAddress" ? der.ia5 : der.directoryString;
    return values.map((one) => der.sequence(der.oid(id), encode(one)));
  });
  return der.sequence(...relative.filter((values) => values.length > 0).map((values) => der.set(...values)));
}

const list = (value: Value): string[] => (Array.isArray(value) ? value.map(String) : []);

/** General names: DNS names, IP addresses, URIs. */
export function generalNames({ dnsNames, ipAddresses, uris }: Values): Buffer[] {
  return [
    ...list(dnsNames).map((name) => der.contextPrimitive(2, Buffer.from(name, "latin1"))),
    ...list(ipAddresses).map((address) => der.contextPrimitive(7, addressBytes(address))),
    ...list(uris).map((uri) => der.contextPrimitive(6, Buffer.from(uri, "latin1"))),
  ];
}

/** The general names of an alternative names extension that a signed certificate takes over. */
export function alternativeNames(extension: Buffer | undefined): Buffer[] {
  const all = extension ? der.items(der.items(extension)[0]!.content) : [];
  return [0x82, 0x87, 0x86].flatMap((tag) => all.filter((name) => name.tag === tag).map(({ raw }) => raw));
}

export function checkNames({ ipAddresses, uris }: Values): Failure[] {
  const wrong = list(ipAddresses).filter((address) => isIP(address) === 0);
  const badUris = list(uris).filter((uri) => !/^[\x21-\x7e]+$/.test(uri));
  return [
    ...wrong.map((address) => ({ property: "ipAddresses", reason: `"${address}" is not an IP address` })),
    ...badUris.map((uri) => ({ property: "uris", reason: `"${uri}" is not a URI` })),
  ];
}

function addressBytes(address: string): Buffer {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIP(mapped) === 4) {
    return Buffer.from(mapped.split(".").map(Number));
  }
  // The URL parser writes an embedded IPv4 part as hexadecimal.
  const canonical = new URL(`http://[${mapped}]`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (part: string | undefined): string[] => (part ? part.split(":") : []);
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(tail === undefined ? 0 : missing).fill("0"), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex");
}
