import { accepted, type MachineFlow, type Source } from "../settings/flows";
import { perSource } from "../settings/limits";
import { roleAddresses, type Node, type Plan } from "../settings/plan";
import { roles } from "../settings/roles";
import { header, unit, type File } from "./file";

const ruleset = "/etc/pgha/firewall.nft";
export const firewallUnit = "/etc/systemd/system/pgha-firewall.service";

/**
 * A machine's packet filter: it accepts what the table of flows says (`settings/flows.ts`), from whom it says. Put in place
 * before the daemons start; a change replaces all of it at once and cuts no connection.
 */
export const firewallFiles = (plan: Plan, node: Node): File[] => [
  { path: ruleset, owner: "root:root", mode: "0644", content: firewall(plan, node) },
  {
    path: firewallUnit,
    owner: "root:root",
    mode: "0644",
    content: unit({
      Unit: {
        Description: "pgha's packet filter: who may connect to what",
        // As nftables.service: before there is a network.
        DefaultDependencies: "no",
        After: "local-fs.target systemd-modules-load.service",
        Wants: "network-pre.target",
        Before: "network-pre.target shutdown.target",
        Conflicts: "shutdown.target",
      },
      Service: {
        Type: "oneshot",
        RemainAfterExit: "yes",
        ExecStart: `/usr/sbin/nft -f ${ruleset}`,
        ExecReload: `/usr/sbin/nft -f ${ruleset}`,
      },
      Install: { WantedBy: "sysinit.target" },
    }),
  },
];

/**
 * Decides about the first packet of each TCP connection and lets all others pass: so nothing depends on what the kernel remembers
 * of connections, and none is cut by a change. Only ports with a limit have their connections tracked, to count them. The clients'
 * come by the thousands, and would cost time and fill the table.
 */
function firewall(plan: Plan, node: Node): string {
  const limits = perSource(plan.settings);
  const flows = accepted(plan.settings, node.role).map((flow) => ({ ...flow, most: limits[flow.port]?.[flow.from] }));
  const limited = flows.filter(({ most }) => most !== undefined);
  const counted = [...new Set(limited.map(({ port }) => port))].sort((a, b) => a - b);
  const from = (source: Source) => (source === "outside" ? "ip saddr != @nodes" : `ip saddr @${source}`);
  const held = ({ port, from }: MachineFlow) => `held_${port}_${from}`;
  const block = (head: string, lines: string[]) => [`  ${head} {`, ...lines.map((line) => `    ${line}`), "  }"];
  const set = (name: string, elements: string[]) =>
    block(`set ${name}`, ["type ipv4_addr", "flags interval", `elements = { ${elements.join(", ")} }`]);
  const untracked = (hook: string) => [
    `type filter hook ${hook} priority raw; policy accept;`,
    `tcp dport { ${counted.join(", ")} } accept`,
    `tcp sport { ${counted.join(", ")} } accept`,
    "meta l4proto tcp notrack",
  ];
  const lines = [
    ...roles.flatMap((role) => set(role, roleAddresses(plan.settings, role))),
    ...set(
      "nodes",
      roles.flatMap((role) => roleAddresses(plan.settings, role)),
    ),
    ...limited.flatMap((flow) => block(`set ${held(flow)}`, ["type ipv4_addr", "size 65535", "flags dynamic"])),
    ...block("chain untracked_in", untracked("prerouting")),
    ...block("chain untracked_out", untracked("output")),
    ...block("chain input", [
      "type filter hook input priority filter; policy accept;",
      'iifname "lo" accept',
      // Machines of the cluster have nothing else to say to each other.
      "ip saddr @nodes meta l4proto != { tcp, icmp } drop",
      "meta l4proto != tcp accept",
      "tcp flags & (fin | syn | rst | ack) != syn accept",
      "meta nfproto ipv6 drop",
      ...limited.map(
        (flow) =>
          `tcp dport ${flow.port} ${from(flow.from)} add @${held(flow)} { ip saddr ct count over ${flow.most} } reject with tcp reset`,
      ),
      ...flows.map((flow) => `tcp dport ${flow.port} ${from(flow.from)} accept comment "${flow.why}"`),
      "reject with tcp reset",
    ]),
  ];
  // The first two lines make sure that there is a table to delete.
  return `${header()}table inet pgha\ndelete table inet pgha\ntable inet pgha {\n${lines.join("\n")}\n}\n`;
}
