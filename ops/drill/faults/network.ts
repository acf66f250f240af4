import type { NodeOutput } from "../../../components/outputs";
import { nodesOf } from "../../cluster";
import { cutScript, type Cut } from "../cut";
import type { World } from "../world";
import { failoverHold, restartHold, type Fault } from "./fault";

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
