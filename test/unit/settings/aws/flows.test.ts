import assert from "node:assert/strict";
import { balancedPorts, flows, groups, rules, type Rule } from "../../../../settings/aws/flows";
import { ports } from "../../../../settings/ports";
import { settingsOnAws } from "../../support/settings";
import { declaredPublic } from "../../support/declared-public";

const settings = settingsOnAws({ aws: { clients: ["10.100.0.0/20", "10.7.0.0/16"] } });
const peer = ({ peer: other }: Rule) => ("group" in other ? other.group : other.cidr);
const shown = (of = settings) =>
  rules(of)
    .map((rule) => `${rule.group} ${rule.direction === "ingress" ? "<-" : "->"} ${peer(rule)} ${rule.port}`)
    .sort();
const into = (group: string, of = settings) => shown(of).filter((rule) => rule.startsWith(`${group} <-`));

/** An existing VPC in `network.cidr`. */
const vpc = {
  id: "vpc-0123456789abcdef0",
  nodes: Object.fromEntries(
    ["a", "b", "c"].map((zone, index) => [
      `us-east-1${zone}`,
      { subnet: `subnet-0123456${index}`, cidr: `10.1.${index}.0/24` },
    ]),
  ),
};
const existing = { host: "bastion.example.com", user: "ops", hostKey: "ssh-ed25519 AAAAC3Nz", from: ["10.9.0.5/32"] };

describe("flows on AWS", () => {
  it("let into each group what needs it, and nothing else", () => {
    assert.deepEqual(into("etcd"), [
      "etcd <- bastion 22",
      "etcd <- etcd 2379",
      "etcd <- etcd 2380",
      "etcd <- postgresql 2379",
    ]);
    assert.deepEqual(into("postgresql"), [
      "postgresql <- bastion 22",
      "postgresql <- haproxy 5432",
      "postgresql <- haproxy 8008",
      "postgresql <- postgresql 5432",
      "postgresql <- postgresql 8008",
    ]);
    assert.deepEqual(
      into("haproxy").filter((rule) => !rule.includes("bastion")),
      [
        ...["10.100.0.0/20 5000", "10.100.0.0/20 5001", "10.100.0.0/20 6432", "10.100.0.0/20 6433"],
        ...["10.7.0.0/16 5000", "10.7.0.0/16 5001", "10.7.0.0/16 6432", "10.7.0.0/16 6433"],
        ...["endpoint 5010", "endpoint 5011", "endpoint 6442", "endpoint 6443", "endpoint 8010"],
        ...["haproxy 6432", "haproxy 6433", "postgresql 8009"],
      ]
        .map((rule) => `haproxy <- ${rule}`)
        .sort(),
    );
    assert.deepEqual(into("bastion"), ["bastion <- 203.0.113.0/24 22"]);
    assert.equal(into("endpoint").length, 8, "four ports for each of the clients' networks");
  });

  it("let nobody but the load balancer say whose a connection is: the ports that believe it take its connections alone", () => {
    for (const of of [settings, settingsOnAws({ aws: { public: true, clients: ["0.0.0.0/0"] } })]) {
      for (const port of Object.values(balancedPorts)) {
        assert.deepEqual(
          shown(of).filter((rule) => rule.includes(" <- ") && rule.endsWith(` ${port}`)),
          [`haproxy <- endpoint ${port}`],
        );
      }
    }
  });

  it("let machines out to the internet by HTTP and HTTPS only", () => {
    const out = shown().filter((rule) => rule.includes("-> 0.0.0.0/0"));
    assert.deepEqual(
      out,
      ["bastion", "etcd", "haproxy", "postgresql"].flatMap((group) => [
        `${group} -> 0.0.0.0/0 443`,
        `${group} -> 0.0.0.0/0 80`,
      ]),
    );
  });

  it("are allowed on both sides of every connection inside", () => {
    const all = rules(settings);
    for (const rule of all) {
      if (!("group" in rule.peer)) continue;
      const other = all.filter(
        (one) =>
          one.group === (rule.peer as { group: string }).group &&
          peer(one) === rule.group &&
          one.port === rule.port &&
          one.direction !== rule.direction,
      );
      assert.equal(other.length, 1, `${rule.group} ${rule.direction} ${peer(rule)} ${rule.port}`);
    }
  });

  it("say each rule once, as AWS wants it, with a reason within its 255 characters", () => {
    const inVpc = { network: { cidr: "10.1.0.0/16" } };
    const cases = [
      settingsOnAws({ clock: "fast" }),
      settingsOnAws({ clock: "witnessed" }),
      // By default both clients and an existing bastion are in `network.cidr`.
      settingsOnAws({ ...inVpc, aws: { vpc, bastion: { ...existing, from: undefined, allow: undefined } } }),
      settingsOnAws({ aws: { clients: ["10.7.0.0/16", "10.7.0.0/16"] } }),
    ];
    for (const all of cases) {
      assert.equal(new Set(shown(all)).size, rules(all).length);
      for (const { why } of rules(all)) assert.match(why, /^[A-Za-z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/);
    }
  });

  it("say all that a rule is for", () => {
    const both = settingsOnAws({
      network: { cidr: "10.1.0.0/16" },
      aws: { vpc, bastion: { ...existing, from: undefined, allow: undefined } },
    });
    const [rule] = rules(both).filter((one) => one.group === "haproxy" && peer(one) === "10.1.0.0/16");
    assert.equal(rule!.why, "clients: write; operators through a tunnel: write");
  });

  it("let witnesses look at database nodes only when there are any", () => {
    const witnessed = into("postgresql", settingsOnAws({ clock: "witnessed" })).filter((rule) => rule.includes("etcd"));
    assert.deepEqual(witnessed, ["postgresql <- etcd 5432", "postgresql <- etcd 8008"]);
  });

  it("open no port of the loopback interface, and no port that no daemon has", () => {
    const known = new Set<number>(Object.values(ports));
    for (const { port, to } of flows(settings)) {
      assert.ok(to === "internet" || known.has(port), String(port));
      assert.ok(port !== ports.role && port !== ports.hold, String(port));
    }
  });

  it("come from an existing bastion's network, and then nobody is let in from outside", () => {
    const other = settingsOnAws({
      network: { cidr: "10.1.0.0/16" },
      aws: {
        vpc,
        bastion: { ...existing, allow: undefined },
      },
    });
    assert.ok(!groups(other).includes("bastion"));
    assert.deepEqual(
      shown(other).filter((rule) => rule.includes(" <- ") && rule.endsWith(" 22")),
      ["etcd", "haproxy", "postgresql"].map((group) => `${group} <- 10.9.0.5/32 22`),
    );
    assert.deepEqual(declaredPublic(other), []);
  });

  it("are public only where the settings say so", () => {
    assert.deepEqual(declaredPublic(settings), [{ group: "bastion", cidr: "203.0.113.0/24", port: 22 }]);
    const open = settingsOnAws({ aws: { public: true, clients: ["0.0.0.0/0"] } });
    assert.deepEqual(
      declaredPublic(open).map(({ group, port }) => `${group} ${port}`),
      ["endpoint 5000", "endpoint 5001", "endpoint 6432", "endpoint 6433", "bastion 22"],
    );
    assert.ok(!into("haproxy", open).some((rule) => rule.includes("0.0.0.0/0")), "clients outside reach no machine");
  });
});
