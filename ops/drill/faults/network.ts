import type { NodeOutput } from "../../../components/outputs";
import { ports } from "../../../components/plan";
import { nodesOf } from "../../cluster";
import type { World } from "../world";
import { failoverHold, restartHold, type Fault } from "./fault";

const table = "inet pgha_drill";
/** The machine mends its network itself after so many seconds, should nobody be left to do it. */
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
export const mendNetwork = `if nft list table ${table} >/dev/null 2>&1; then
  nft delete table ${table}
  echo "its network was cut"
fi
systemctl stop ${timer}.timer 2>/dev/null || true`;

/** Cuts a leader's connections. */
async function cutLeader(world: World, cut: (leader: NodeOutput) => Cut) {
  const leader = await world.leader();
  await world.on(leader, cutScript(cut(leader)));
  return { targets: [leader.name] };
}

const etcd = (world: World) => nodesOf(world.reached.cluster, "etcd");

/** How many of the witnesses are not enough to decide anything. There is one on each etcd machine. */
const minority = (world: World) => Math.floor((etcd(world).length - 1) / 2);

const needsWitnesses = (world: World) =>
  Promise.resolve(minority(world) > 0 ? undefined : "it takes three witnesses, and so three etcd machines");

/** The database nodes other than the leader. */
export const othersThan = (world: World, leader: NodeOutput) =>
  nodesOf(world.reached.cluster, "postgresql").filter(({ name }) => name !== leader.name);

/** While the leader reaches every other member, but not etcd. */
const failsafe =
  "Writes go on: in Patroni's failsafe mode a leader without etcd goes on while every other member agrees. Nobody takes over.";

/** While the leader keeps its key but hears from no standby. */
const unconfirmed = (synchronous: "quorum" | "off") =>
  synchronous === "quorum"
    ? "The leader keeps its key, so nobody takes over, and no standby confirms: writes wait until it is healed."
    : "Writes go on; the standbys fall behind.";

export const networkFaults: Fault[] = [
  {
    name: "cut-leader",
    title: "The leader cut off from everything",
    main: true,
    expects: ({ ttl }) =>
      `The leader gives up when it can neither renew its key nor reach the others; a standby takes over within ${ttl} s.`,
    hold: failoverHold,
    inject: (world) => cutLeader(world, () => ({ from: "all", to: "all" })),
  },
  {
    name: "witnesses-disagree",
    title: "The leader cut off from everything but the questions of a minority of the witnesses",
    expects: ({ ttl, witness }) =>
      witness > 0
        ? "The others are a majority: they free its key, and a standby takes over."
        : `Nobody is asked: a standby takes over within ${ttl} s.`,
    hold: failoverHold,
    needs: needsWitnesses,
    inject: (world) =>
      cutLeader(world, () => ({ from: "all", to: "all", askedBy: etcd(world).slice(0, minority(world)) })),
  },
  {
    name: "witnesses-outvoted",
    title: "The leader cut off from everything but the questions of a majority of the witnesses",
    expects: ({ ttl }) =>
      `The others are a minority and may not free its key, which ends within ${ttl} s; then a standby takes over.`,
    hold: failoverHold,
    needs: needsWitnesses,
    inject: (world) =>
      cutLeader(world, () => ({ from: "all", to: "all", askedBy: etcd(world).slice(minority(world)) })),
  },
  {
    name: "cut-leader-from-etcd",
    title: "The leader cut off from etcd",
    expects: () => failsafe,
    hold: failoverHold,
    inject: (world) => cutLeader(world, () => ({ from: etcd(world), to: etcd(world) })),
  },
  {
    name: "cut-leader-to-etcd",
    title: "One way: the leader can send nothing to etcd",
    expects: () => failsafe,
    hold: failoverHold,
    inject: (world) => cutLeader(world, () => ({ from: [], to: etcd(world) })),
  },
  {
    name: "cut-leader-from-standbys",
    title: "The leader cut off from the standbys",
    expects: (_clock, synchronous) => unconfirmed(synchronous),
    hold: restartHold,
    waitForWrites: false,
    inject: (world) =>
      cutLeader(world, (leader) => ({ from: othersThan(world, leader), to: othersThan(world, leader) })),
  },
  {
    name: "cut-standbys-to-leader",
    title: "One way: the leader receives nothing from the standbys",
    expects: (_clock, synchronous) => unconfirmed(synchronous),
    hold: restartHold,
    waitForWrites: false,
    inject: (world) => cutLeader(world, (leader) => ({ from: othersThan(world, leader), to: [] })),
  },
];
