import assert from "node:assert/strict";
import type { Fault } from "../../../../settings/faults";
import { preflight } from "../../../../components/aws/preflight";
import { stackConfig } from "../../support/config";
import { images, ProviderError, type Calls } from "../../support/mocks-aws";
import { runIndex, runProgram } from "../../support/program";
import { settingsOnAws } from "../../support/settings";

type Raw = Record<string, unknown>;

/** The faults that AWS' answers give settings. */
async function faultsOf(raw: Raw, calls?: Calls): Promise<Fault[]> {
  const { outputs } = await runProgram(async () => ({ faults: await preflight(settingsOnAws(raw)) }), { calls });
  return (outputs as { faults: Fault[] }).faults;
}

const call = (name: string) => {
  const module = ["getCallerIdentity", "getAvailabilityZones"].includes(name) ? "index" : "ec2";
  return `aws:${module}/${name}:${name}`;
};
const refuses = (name: string, text: string): Calls => ({
  [call(name)]: () => {
    throw new ProviderError(call(name), text);
  },
});
const machines = (postgresql: Raw) => ({ machines: { postgresql } });

const refusals: [string, Raw, Calls | undefined, [path: string, fault: RegExp][]][] = [
  [
    "credentials that are missing: nothing else is asked",
    {},
    refuses("getCallerIdentity", "No valid credential sources found.\nPlease see https://example.com"),
    [["driver", /^is aws, but AWS accepts no call to us-east-1: No valid credential sources found\.\. Log in first/]],
  ],
  [
    "a zone that the account does not have",
    { aws: { zones: ["us-east-1a", "us-east-1b", "us-east-1x"] } },
    undefined,
    [
      ["aws.zones", /names us-east-1x, which this account does not have now; us-east-1 has us-east-1a, .*us-east-1f$/],
      ["machines.etcd.type", /is t3.small, which is not offered in us-east-1x/],
      ["machines.postgresql.type", /is m7i.large, which is not offered in us-east-1x/],
    ],
  ],
  [
    "a zone that does not offer an instance type that would be in it, and only there",
    { aws: { zones: ["us-east-1a", "us-east-1b", "us-east-1e"] }, nodes: { etcd: 3, postgresql: 2, haproxy: 2 } },
    undefined,
    [["machines.etcd.type", /is t3.small, which is not offered in us-east-1e; write another type, or another zone/]],
  ],
  [
    "an instance type that does not exist",
    machines({ type: "m7z.large" }),
    undefined,
    [["machines.postgresql.type", /is m7z.large, which us-east-1 does not have; write one it has, such as m7i.large/]],
  ],
  [
    "an instance type that is not x86-64",
    machines({ type: "mac2.metal", cpus: 8, memory: 16384 }),
    undefined,
    [["machines.postgresql.type", /is mac2.metal, which is arm64_mac; write an x86-64 type/]],
  ],
  [
    "an instance type without NVMe",
    machines({ type: "t2.small", cpus: 1, memory: 2048 }),
    undefined,
    [["machines.postgresql.type", /is t2.small, which is not of the Nitro generations/]],
  ],
  [
    "a bastion of a type that does not exist",
    { aws: { bastion: { type: "t9.nano" } } },
    undefined,
    [["aws.bastion.type", /is t9.nano, which us-east-1 does not have/]],
  ],
  [
    "sizes that an instance type does not have",
    machines({ type: "r7i.xlarge", cpus: 2, memory: 8192 }),
    undefined,
    [
      ["machines.postgresql.cpus", /^is 2, but r7i.xlarge has 4; write 4$/],
      ["machines.postgresql.memory", /^is 8192 MiB, but r7i.xlarge has 32768 MiB; write 32768$/],
    ],
  ],
  [
    "a question that AWS does not answer, as what it is",
    {},
    refuses("getInstanceType", "api error UnauthorizedOperation: You are not authorized to perform this operation."),
    [
      [
        "machines.etcd.type, machines.haproxy.type",
        /^could not be checked, AWS says: UnauthorizedOperation: You are not/,
      ],
      ["machines.postgresql.type", /^could not be checked/],
      ["aws.bastion.type", /^could not be checked/],
    ],
  ],
  [
    "an image that is gone",
    { aws: { image: "ami-00000000000000000" } },
    undefined,
    [["aws.image", /is ami-00000000000000000, which us-east-1 does not have \(any more\); `npx pgha image` writes/]],
  ],
  [
    "an image that fits no machine",
    { aws: { image: images.pinned } },
    {
      [call("getAmi")]: () => ({
        imageId: images.pinned,
        architecture: "arm64",
        virtualizationType: "paravirtual",
        rootDeviceType: "instance-store",
        state: "failed",
        blockDeviceMappings: [],
      }),
    },
    [
      [
        "aws.image",
        /which is for arm64, not x86_64, for paravirtual virtualization, not hvm, on instance-store, not on ebs, failed;/,
      ],
    ],
  ],
  [
    "a disk smaller than the image",
    machines({ disk: 7 }),
    undefined,
    [["machines.postgresql.disk", /^is 7 GiB, but the machine image has 8 GiB; write 8 or more$/]],
  ],
  [
    "a region without an official image",
    {},
    refuses("getAmi", "Your query returned no results."),
    [["aws.image", /is not set, and us-east-1 has no official image of Debian 13; write an ami-/]],
  ],
];

const disks = { etcd: { disk: 10 }, postgresql: { disk: 20 }, haproxy: { disk: 10 } };
/** Settings with disks that the image fits on. */
const roomy = (raw: Raw): Raw => {
  const given = (raw.machines ?? {}) as Record<string, Raw>;
  const merged = Object.entries(disks).map(([role, disk]) => [role, { ...disk, ...given[role] }]);
  return { ...raw, machines: Object.fromEntries(merged) as Raw };
};

describe("preflight", () => {
  it("finds nothing against settings that fit the account", async () =>
    assert.deepEqual(await faultsOf(roomy({})), []));

  for (const [what, raw, calls, expected] of refusals) {
    it(`refuses ${what}`, async () => {
      const found = await faultsOf(roomy(raw), calls);
      assert.deepEqual(
        found.map(({ path }) => path),
        expected.map(([path]) => path),
        JSON.stringify(found, null, 2),
      );
      for (const [index, [, fault]] of expected.entries()) assert.match(found[index]!.fault, fault);
    });
  }

  it("stops the program before it declares anything, with all faults in one message", async () => {
    const config = stackConfig("staging");
    const aws = { ...(JSON.parse(config["pgha:aws"]!) as Raw), image: "ami-00000000000000000" };
    const machines = JSON.parse(config["pgha:machines"]!) as Record<string, Raw>;
    machines.postgresql!.memory = 4096;
    const changed = { ...config, "pgha:aws": JSON.stringify(aws), "pgha:machines": JSON.stringify(machines) };
    await assert.rejects(runIndex(changed, { stack: "staging" }), (error: Error) => {
      assert.match(error.message, /^Pulumi.staging.yaml has 2 faults; nothing was changed:\n/);
      assert.match(error.message, /pgha:aws.image is ami-0+, which/);
      assert.match(error.message, /pgha:machines.postgresql.memory is 4096 MiB, but m7i.large has 8192 MiB/);
      return true;
    });
  });
});

const zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
const id = "vpc-0123456789abcdef0";
const subnetOf = (tier: number, index: number) => `subnet-0123456${tier}${index}`;
const blockOf = (index: number) => `10.1.${index}.0/24`;
const toNat = { cidrBlock: "0.0.0.0/0", gatewayId: "", natGatewayId: "nat-0123456789abcdef0" };
const toInternet = { cidrBlock: "0.0.0.0/0", gatewayId: "igw-0123456789abcdef0", natGatewayId: "" };

/** An existing VPC with subnets for machines (tier 0) and for clients (tier 1), and answers that may differ from what fits. */
function existing({
  aws = {},
  vpc = {},
  subnet = {},
  routes = [toNat],
  main,
}: {
  aws?: Raw;
  vpc?: Raw;
  subnet?: Raw;
  routes?: Raw[];
  main?: Raw[];
} = {}): Promise<Fault[]> {
  const raw = roomy({
    network: { cidr: "10.1.0.0/16" },
    aws: {
      vpc: {
        id,
        nodes: Object.fromEntries(
          zones.map((zone, index) => [zone, { subnet: subnetOf(0, index), cidr: blockOf(index) }]),
        ),
        clients: Object.fromEntries(zones.map((zone, index) => [zone, subnetOf(1, index)])),
      },
      bastion: { allow: undefined, host: "b.example.com", user: "ops", hostKey: "ssh-ed25519 AAAAC3Nz" },
      ...aws,
    },
  });
  return faultsOf(raw, {
    [call("getVpc")]: () => ({ id, enableDnsSupport: true, enableDnsHostnames: true, ...vpc }),
    [call("getSubnet")]: (args) => {
      const index = Number(String(args.id).slice(-1));
      const own = { vpcId: id, availabilityZone: zones[index], cidrBlock: blockOf(index) };
      // What differs, differs in the first zone's subnet for machines.
      return { ...own, ...(args.id === subnetOf(0, 0) && subnet) };
    },
    [call("getRouteTable")]: ({ subnetId }) => {
      if (subnetId !== undefined && main) throw new ProviderError(call("getRouteTable"), "query returned no results");
      return { routes: subnetId === undefined ? main! : routes };
    },
  });
}

describe("preflight of an existing VPC", () => {
  const nodes = "aws.vpc.nodes.us-east-1a.subnet";
  const only = async (found: Promise<Fault[]>, path: string, fault: RegExp) => {
    assert.deepEqual(
      (await found).map((one) => one.path),
      [path],
    );
    assert.match((await found)[0]!.fault, fault);
  };
  const each = async (found: Promise<Fault[]>, paths: string[], fault: RegExp) => {
    assert.deepEqual(
      (await found).map((one) => one.path),
      paths,
    );
    for (const one of await found) assert.match(one.fault, fault);
  };

  it("finds nothing against one with subnets behind NAT", async () => assert.deepEqual(await existing(), []));

  it("takes the VPC's main route table for a subnet that has none of its own", async () => {
    assert.deepEqual(await existing({ main: [toNat] }), []);
    assert.equal((await existing({ main: [] })).length, 3);
  });

  it("refuses one that does not exist", async () => {
    const calls = refuses("getVpc", "no matching EC2 VPC found");
    const found = faultsOf(
      roomy({
        network: { cidr: "10.1.0.0/16" },
        aws: {
          vpc: {
            id,
            nodes: Object.fromEntries(zones.map((zone, i) => [zone, { subnet: subnetOf(0, i), cidr: blockOf(i) }])),
          },
          bastion: { allow: undefined, host: "b.example.com", user: "ops", hostKey: "ssh-ed25519 AAAAC3Nz" },
        },
      }),
      calls,
    );
    await only(found, "aws.vpc.id", /is vpc-0123456789abcdef0, which does not exist in us-east-1/);
  });

  it("refuses a subnet of another VPC, in another zone, or of another block", async () => {
    await only(existing({ subnet: { vpcId: "vpc-9" } }), nodes, /which is in vpc-9; write a subnet of vpc-0123/);
    await only(
      existing({ subnet: { availabilityZone: "us-east-1f" } }),
      nodes,
      /is in us-east-1f; write one in us-east-1a/,
    );
    await only(existing({ subnet: { cidrBlock: "10.1.9.0/24" } }), nodes, /block is 10.1.9.0\/24, not 10.1.0.0\/24/);
  });

  it("refuses subnets for machines without NAT", async () => {
    const all = zones.map((zone) => `aws.vpc.nodes.${zone}.subnet`);
    await each(existing({ routes: [] }), all, /whose default route is missing: .*route 0.0.0.0\/0 to a NAT gateway/);
    await each(
      existing({ routes: [toInternet] }),
      all,
      /leads to an internet gateway, which serves public addresses only/,
    );
  });

  it("refuses a public endpoint in private subnets", async () => {
    const aws = { public: true, clients: ["198.51.100.0/24"] };
    const clients = zones.map((zone) => `aws.vpc.clients.${zone}`);
    await each(existing({ aws }), clients, /has no default route to an internet gateway; write a public subnet/);
  });

  it("refuses a DNS zone in a VPC that does not resolve names", async () => {
    const found = existing({ aws: { dns: "pgha.internal" }, vpc: { enableDnsHostnames: false } });
    await only(found, "aws.dns", /needs enableDnsSupport and enableDnsHostnames on vpc-/);
  });
});
