import type { NodeOutput } from "../../../components/outputs";
import { nodesOf } from "../../cluster";
import { pick, type World } from "../world";
import { failoverHold, needsPower, restartHold, type Fault } from "./fault";

const names = (...nodes: NodeOutput[]) => ({ targets: nodes.map(({ name }) => name) });

/** An `inject` that does something to whoever leads. */
const toLeader = (act: (world: World, leader: NodeOutput) => Promise<unknown>) => async (world: World) => {
  const leader = await world.leader();
  await act(world, leader);
  return names(leader);
};

export const machineFaults: Fault[] = [
  {
    name: "stop-leader",
    title: "The leader's machine shut down cleanly",
    expects: () => "As a switchover: Patroni stops PostgreSQL, gives the leader key back, and a standby takes over.",
    hold: restartHold,
    needs: needsPower("stop"),
    inject: toLeader((world, leader) => world.power.stop(leader)),
  },
  {
    name: "reboot-leader",
    title: "The leader's machine rebooted",
    expects: () => "As a switchover; the old leader comes back as a standby.",
    hold: restartHold,
    inject: toLeader((world, leader) => world.on(leader, "systemctl reboot")),
  },
  {
    name: "power-off-leader",
    title: "Power off: the leader's machine",
    main: true,
    expects: ({ ttl }) =>
      `Nobody hears that it is gone: the leader key ends within ${ttl} s, then a standby takes over. ` +
      "What was under way breaks off by time-outs.",
    hold: failoverHold,
    needs: needsPower("off"),
    inject: toLeader((world, leader) => world.power.off(leader)),
  },
  {
    name: "pause-leader",
    title: "The leader's machine paused, and woken up after another leads",
    expects: ({ ttl }) =>
      `As a power-off: the leader key ends within ${ttl} s, and a standby takes over. What wakes up cannot confirm a write any more, ` +
      "and gives up leading.",
    hold: failoverHold,
    needs: needsPower("freeze"),
    inject: toLeader((world, leader) => world.power.freeze(leader)),
  },
  {
    name: "pause-leader-briefly",
    title: "The leader's machine paused for 10 s",
    expects: () => "Writes wait for it; where witnesses free its key meanwhile, a standby takes over.",
    hold: () => 10,
    waitForWrites: false,
    needs: needsPower("freeze"),
    inject: toLeader((world, leader) => world.power.freeze(leader)),
  },
  {
    name: "power-off-standby",
    title: "Power off: a synchronous standby's machine",
    main: true,
    expects: (_clock, synchronous) =>
      synchronous === "quorum"
        ? "Writes go on: another standby confirms them. With a single standby they wait for it. Reads on it break off by time-outs."
        : "Writes go on. Reads on it break off by time-outs.",
    hold: restartHold,
    needs: needsPower("off"),
    async inject(world) {
      const [standby] = await world.standbys();
      const node = pick(world, standby ? [standby] : [], "standby");
      await world.power.off(node);
      return names(node);
    },
  },
  {
    name: "power-off-proxy",
    title: "Power off: a proxy's machine",
    main: true,
    expects: () => "Its clients go on through another proxy; those of the others notice nothing.",
    hold: restartHold,
    async needs(world) {
      const alone = nodesOf(world.reached.cluster, "haproxy").length < 2;
      return alone ? "there is only one proxy: without it there is no way in" : world.power.cannot("off");
    },
    async inject(world) {
      const proxy = pick(world, nodesOf(world.reached.cluster, "haproxy"), "proxy");
      await world.power.off(proxy);
      return names(proxy);
    },
  },
];
