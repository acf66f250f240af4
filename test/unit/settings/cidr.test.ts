import assert from "node:assert/strict";
import { BlockList, isIPv4 } from "node:net";
import fc from "fast-check";
import { addressAt, isPrivate, networksOf, parseCidr } from "../../../settings/cidr";

const bits = fc.integer({ min: 0, max: 32 });
const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
const numberOf = (address: string) => address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);

/** A network and its text, found by arithmetic of its own. */
const network = fc.tuple(octets, bits).map(([address, length]) => {
  const size = 2 ** (32 - length);
  const base = Math.floor(numberOf(address.join(".")) / size) * size;
  const dotted = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join(".");
  return { base, length, size, text: `${dotted}/${length}` };
});

describe("cidr", () => {
  it("cuts a range into networks that are all of it and nothing else, none of which could be one with the next", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 300 }), fc.integer({ min: 0, max: 299 }), (first, more) => {
        const dotted = (number: number) => addressAt({ base: number, bits: 32 }, 0);
        const parts = networksOf(`${dotted(first)}-${dotted(first + more)}`).map((text) => parseCidr(text)!);
        const next = parts.reduce((at, { base, bits }) => {
          assert.equal(base, at);
          return at + 2 ** (32 - bits);
        }, first);
        assert.equal(next, first + more + 1);
        parts.slice(1).forEach(({ bits }, index) => {
          const before = parts[index]!;
          assert.ok(bits !== before.bits || before.base % 2 ** (33 - bits) !== 0, "two that are one");
        });
      }),
    );
    assert.deepEqual(networksOf("10.88.0.31-10.88.0.39"), ["10.88.0.31/32", "10.88.0.32/29"]);
  });

  it("reads every network", () => {
    fc.assert(
      fc.property(network, ({ base, length, text }) => assert.deepEqual(parseCidr(text), { base, bits: length })),
    );
  });

  it("refuses every address with bits beyond its prefix", () => {
    fc.assert(
      fc.property(octets, bits, (address, length) => {
        const text = `${address.join(".")}/${length}`;
        const isNetwork = numberOf(address.join(".")) % 2 ** (32 - length) === 0;
        assert.equal(parseCidr(text) !== undefined, isNetwork, text);
      }),
    );
  });

  it("gives addresses that lie in the network, each at its own distance from the base", () => {
    fc.assert(
      fc.property(network, fc.nat(), ({ base, size, text }, seed) => {
        const host = seed % size;
        const address = addressAt(parseCidr(text)!, host);
        assert.ok(isIPv4(address), address);
        assert.equal(numberOf(address) - base, host);
      }),
    );
  });

  it("knows private networks as node:net does", () => {
    const ranges = new BlockList();
    ranges.addSubnet("10.0.0.0", 8);
    ranges.addSubnet("172.16.0.0", 12);
    ranges.addSubnet("192.168.0.0", 16);
    const nearby = fc.constantFrom([10, 0], [9, 255], [11, 0], [172, 16], [172, 31], [172, 32], [192, 168], [192, 169]);
    fc.assert(
      fc.property(nearby, fc.integer({ min: 4, max: 32 }), ([a, b], length) => {
        const size = 2 ** (32 - length);
        const base = Math.floor((a! * 2 ** 24 + b! * 2 ** 16) / size) * size;
        const [first, last] = [base, base + size - 1].map((address) => addressAt({ base: address, bits: 32 }, 0));
        // The ranges do not touch one another, so a network with both ends in them lies in one of them.
        const inside = ranges.check(first!) && ranges.check(last!);
        assert.equal(isPrivate({ base, bits: length }), inside, `${first}/${length}`);
      }),
    );
  });

  for (const text of [
    "",
    "10.88.0.0",
    "10.88.0.0/33",
    "10.88.0/24",
    "10.88.0.256/24",
    "010.88.0.0/24x",
    "::1/128",
    "10.0.0.0/-8",
  ]) {
    it(`refuses '${text}'`, () => assert.equal(parseCidr(text), undefined));
  }
});
