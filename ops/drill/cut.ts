/** Connections that are cut on a machine, and repaired again. */
import type { NodeOutput } from "../../components/outputs";
import { ports } from "../../settings/ports";

const table = "inet pgha_drill";
/** The machine repairs its network itself after this many seconds, should nobody be left to do it. */
const deadMan = 600;
const timer = "pgha-drill-network";

/** What a machine's packet filter drops: packets from and to these addresses, or all. SSH always passes. */
export interface Cut {
  from: NodeOutput[] | "all";
  to: NodeOutput[] | "all";
  /** Who still gets answers of this machine's Patroni and PostgreSQL, and nothing else. @default nobody */
  askedBy?: NodeOutput[];
}

/** Shell that cuts connections of the machine it runs on. Packets are dropped, not refused: nobody is told. */
export function cutScript({ from, to, askedBy = [] }: Cut): string {
  const set = (peers: NodeOutput[]) => `{ ${peers.map(({ address }) => address).join(", ")} }`;
  const drop = (field: string, peers: NodeOutput[] | "all") => {
    if (peers === "all") return "drop";
    return peers.length > 0 ? `${field} ${set(peers)} drop` : "accept";
  };
  const answers = (field: string, port: string) =>
    askedBy.length > 0 ? `${field} ${set(askedBy)} tcp ${port} { ${ports.postgresql}, ${ports.patroni} } accept; ` : "";
  // Before connection tracking and every other table.
  const chain = (hook: string, local: string, ssh: string, rule: string) =>
    `  chain ${hook} { type filter hook ${hook} priority -300; ${local} "lo" accept; ${ssh} accept; ${rule}; }`;
  return `systemctl stop ${timer}.timer 2>/dev/null
systemd-run --quiet --collect --unit ${timer} --on-active ${deadMan} nft delete table ${table} &&
nft -f - <<'rules'
table ${table}
delete table ${table}
table ${table} {
${chain("input", "iifname", "tcp dport 22", answers("ip saddr", "dport") + drop("ip saddr", from))}
${chain("output", "oifname", "tcp sport 22", answers("ip daddr", "sport") + drop("ip daddr", to))}
}
rules`;
}

/** Shell that undoes every cut. */
export const repairNetwork = `if nft list table ${table} >/dev/null 2>&1; then
  nft delete table ${table}
  echo "its network was cut"
fi
systemctl stop ${timer}.timer 2>/dev/null || true`;
