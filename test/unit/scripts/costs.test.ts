import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { checkoutRoot } from "../../../ops/env";
import { settingsFromFile } from "../../../settings/load";
import prices from "../../../docs/prices.json";
import { bastionDisk, costTable, monthlyCosts, stacks, withCosts } from "../../../scripts/costs";
import { readGoldens } from "../support/goldens";

const prod = () => structuredClone(settingsFromFile(join(__dirname, "../../.."), "prod"));
const costOf = (settings: ReturnType<typeof prod>, what: string) =>
  monthlyCosts(settings).find((item) => item.what === what)?.cost ?? 0;
const close = (value: number, expected: number) =>
  assert.ok(Math.abs(value - expected) < 0.005, `${value}, not ${expected}`);

describe("costs", () => {
  it("in docs/costs.md are those of the stacks' settings (npm run golden writes them)", () => {
    const page = readFileSync(join(checkoutRoot, "docs", "costs.md"), "utf8");
    assert.equal(page, withCosts(page));
  });

  for (const stack of stacks) {
    it(`of ${stack} are those of what its golden files say is made`, () => {
      interface Made {
        type: string;
        inputs?: { instanceType?: string; rootBlockDevice?: { volumeSize?: number } };
      }
      const made = [...readGoldens()]
        .filter(([path]) => path.startsWith(`${stack}/resources/`))
        .flatMap(([, content]) => Object.values(parse(content) as Record<string, Made>));
      const all = (type: string) => made.filter((resource) => resource.type === type);
      const instances = all("aws:ec2/instance:Instance").map(({ inputs }) => inputs!);
      const items = monthlyCosts(settingsFromFile(join(__dirname, "../../.."), stack));
      const sum = (...names: string[]) =>
        items.filter(({ what }) => names.includes(what)).reduce((total, { cost }) => total + cost, 0);
      const hourly = (price: number, count: number) => price * count * prices.hoursPerMonth;

      const priceOf = prices.instances.prices as Record<string, number>;
      close(
        sum("etcd machines", "postgresql machines", "haproxy machines", "bastion"),
        instances.reduce((total, { instanceType }) => total + hourly(priceOf[instanceType!]!, 1), 0),
      );
      close(
        sum("root volumes"),
        instances.reduce(
          (total, { rootBlockDevice }) => total + (rootBlockDevice!.volumeSize ?? bastionDisk) * prices.gp3.perGiBMonth,
          0,
        ),
      );
      close(sum("NAT gateways"), hourly(prices.nat.perHour, all("aws:ec2/natGateway:NatGateway").length));
      close(sum("public IPv4 addresses"), hourly(prices.publicIPv4.perHour, all("aws:ec2/eip:Eip").length));
      close(sum("load balancer"), hourly(prices.nlb.perHour, all("aws:lb/loadBalancer:LoadBalancer").length));
    });
  }

  it("count every machine, volume, gateway and address", () => {
    const settings = prod();
    Object.assign(settings.nodes, { etcd: 3, postgresql: 4, haproxy: 2 });
    settings.machines.postgresql.type = "r7i.xlarge";
    Object.assign(settings.aws!, {
      zones: ["us-east-1a", "us-east-1b", "us-east-1c"],
      natPerZone: true,
      vpc: undefined,
      public: false,
      volume: { size: 200, iops: 4000, throughput: 225 },
      bastion: { type: "t3.micro", allow: ["203.0.113.0/24"] },
    });
    for (const role of ["etcd", "postgresql", "haproxy"] as const) settings.machines[role].disk = 10;
    close(costOf(settings, "postgresql machines"), 4 * 0.2646 * 730);
    close(costOf(settings, "data volumes"), 4 * (200 * 0.08 + 1000 * 0.005 + 100 * 0.04));
    close(costOf(settings, "root volumes"), (9 * 10 + bastionDisk) * 0.08);
    close(costOf(settings, "NAT gateways"), 3 * 0.045 * 730);
    close(costOf(settings, "public IPv4 addresses"), 4 * 0.005 * 730);

    settings.aws!.natPerZone = false;
    close(costOf(settings, "NAT gateways"), 0.045 * 730);
    settings.aws!.public = true;
    close(costOf(settings, "public IPv4 addresses"), 5 * 0.005 * 730);
    settings.aws!.bastion = {
      host: "bastion.example.com",
      port: 22,
      user: "ops",
      hostKey: "ssh-ed25519 AAAA",
      from: [],
    };
    close(costOf(settings, "bastion"), 0);
    close(costOf(settings, "public IPv4 addresses"), 4 * 0.005 * 730);
    // An existing VPC brings its own gateways.
    settings.aws!.vpc = { id: "vpc-1", nodes: {}, firstHost: 4 };
    close(costOf(settings, "NAT gateways"), 0);
  });

  it("charge no IOPS and no throughput that gp3 includes", () => {
    const settings = prod();
    settings.aws!.volume = { size: 100, iops: 3000, throughput: 125 };
    close(costOf(settings, "data volumes"), settings.nodes.postgresql * 8);
  });

  it("end in their sum", () => {
    const table = costTable([
      { what: "a", formula: "1", cost: 1.5 },
      { what: "b", formula: "2", cost: 2.25 },
    ]);
    assert.match(table, /\| a \| 1 \| \$1\.50 \|\n\| b \| 2 \| \$2\.25 \|\n\| \*\*total\*\* \| \| \*\*\$3\.75\*\* \|$/);
  });

  it("are refused for an instance type without a price", () => {
    const settings = prod();
    settings.machines.etcd.type = "x9.huge";
    assert.throws(() => monthlyCosts(settings), /docs\/prices\.json has no price for x9\.huge; add it with its source/);
  });
});
