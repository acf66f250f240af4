/** What a stack on AWS costs in a month: the table of docs/costs.md, from docs/prices.json and the stacks' committed settings. */
import { settingsFromFile } from "../settings/load";
import { markdownTable, withTable } from "../settings/markdown";
import { roles } from "../settings/roles";
import type { Settings } from "../settings/schema";
import prices from "../docs/prices.json";
import { checkoutRoot } from "../ops/env";

/** The stacks whose costs are told. */
export const stacks = ["staging", "prod"];

/** One line of a stack's bill. */
export interface Item {
  what: string;
  /** How the sum comes about, for a reader. */
  formula: string;
  /** US dollars a month. */
  cost: number;
}

/** Root disk of a bastion of the cluster's own, GiB: that of Debian's image. */
export const bastionDisk = 8;

/**
 * What a stack costs in a month, traffic left out.
 * @throws Error when the price list has no price for an instance type
 */
export function monthlyCosts(settings: Settings): Item[] {
  const { nodes, machines, aws } = settings;
  if (!aws) throw new Error(`${settings.name} is not on AWS: it costs nothing there`);
  const { hoursPerMonth, instances, gp3, nat, publicIPv4, nlb, dnsZone } = prices;
  const items: Item[] = [];
  const hourly = (what: string, count: number, price: number, of: string) =>
    items.push({
      what,
      formula: `${count} x ${of} $${price} x ${hoursPerMonth} h`,
      cost: count * price * hoursPerMonth,
    });
  const instance = (what: string, count: number, type: string) => {
    const price = (instances.prices as Record<string, number>)[type];
    if (price === undefined) throw new Error(`docs/prices.json has no price for ${type}; add it with its source`);
    hourly(what, count, price, type);
  };

  for (const role of roles) instance(`${role} machines`, nodes[role], machines[role].type!);
  const ownBastion = "type" in aws.bastion ? aws.bastion : undefined;
  if (ownBastion) instance("bastion", 1, ownBastion.type);

  const roots = roles.reduce((sum, role) => sum + nodes[role] * machines[role].disk, ownBastion ? bastionDisk : 0);
  items.push({ what: "root volumes", formula: `${roots} GiB x $${gp3.perGiBMonth}`, cost: roots * gp3.perGiBMonth });
  const { size, iops, throughput } = aws.volume;
  const extra = { iops: Math.max(0, iops - gp3.includedIops), throughput: Math.max(0, throughput - gp3.includedMiBps) };
  items.push({
    what: "data volumes",
    formula:
      `${nodes.postgresql} x (${size} GiB x $${gp3.perGiBMonth} + ${extra.iops} IOPS x $${gp3.perIopsMonth}` +
      ` + ${extra.throughput} MiB/s x $${gp3.perMiBpsMonth})`,
    cost:
      nodes.postgresql *
      (size * gp3.perGiBMonth + extra.iops * gp3.perIopsMonth + extra.throughput * gp3.perMiBpsMonth),
  });

  const gateways = aws.vpc ? 0 : aws.natPerZone ? aws.zones.length : 1;
  if (gateways > 0) hourly("NAT gateways", gateways, nat.perHour, "gateway");
  const addresses = gateways + (ownBastion ? 1 : 0) + (aws.public ? aws.zones.length : 0);
  if (addresses > 0) hourly("public IPv4 addresses", addresses, publicIPv4.perHour, "address");
  hourly("load balancer", 1, nlb.perHour, "NLB");
  hourly("its load", 1, nlb.perCapacityUnitHour, "capacity unit");
  if (aws.dns !== undefined)
    items.push({ what: "DNS zone", formula: `1 x $${dnsZone.perMonth}`, cost: dnsZone.perMonth });
  return items;
}

const dollars = (cost: number) => `$${cost.toFixed(2)}`;

/** The table of one stack, in Markdown. */
export function costTable(items: Item[]): string {
  const total = items.reduce((sum, { cost }) => sum + cost, 0);
  return markdownTable(
    ["what", "how", "a month"],
    [
      ...items.map(({ what, formula, cost }) => [what, formula, dollars(cost)]),
      ["**total**", "", `**${dollars(total)}**`],
    ],
  );
}

/** docs/costs.md as it should be: the table of each stack after its `<!-- costs of STACK -->`. */
export const withCosts = (page: string): string =>
  stacks.reduce(
    (text, stack) =>
      withTable(text, `costs of ${stack}`, costTable(monthlyCosts(settingsFromFile(checkoutRoot, stack)))),
    page,
  );
