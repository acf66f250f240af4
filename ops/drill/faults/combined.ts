import { setTimeout as pause } from "node:timers/promises";
import { failoverHold, needsPower, type Fault } from "./fault";
import { cutScript } from "../cut";
import { othersThan } from "./network";

/** Seconds between the cut and the power-off: enough for writes that no standby gets to see. */
const alone = 3;

export const combinedFaults: Fault[] = [
  {
    name: "power-off-leader-and-etcd-leader",
    title: "Power off: the leader and etcd's leader at once",
    expects: ({ ttl }) =>
      `etcd elects a leader first, which gives the leader key its full life of ${ttl} s again; then a standby takes over.`,
    hold: failoverHold,
    needs: needsPower("off"),
    async inject(world) {
      const machines = await Promise.all([world.leader(), world.etcdLeader()]);
      await Promise.all(machines.map((machine) => world.power.off(machine)));
      return { targets: machines.map(({ name }) => name) };
    },
  },
  {
    name: "cut-standbys-then-power-off",
    title: `The leader cut off from its standbys for ${alone} s, then powered off`,
    expects: ({ ttl }, synchronous) =>
      synchronous === "quorum"
        ? `Writes that no standby has are never confirmed; a standby takes over within ${ttl} s of the power-off.`
        : `Writes of the ${alone} s before the power-off are confirmed and lost.`,
    hold: failoverHold,
    needs: needsPower("off"),
    async inject(world) {
      const leader = await world.leader();
      const standbys = othersThan(world, leader);
      await world.on(leader, cutScript({ from: standbys, to: standbys }));
      await pause(alone * 1000);
      await world.power.off(leader);
      return { targets: [leader.name] };
    },
  },
];
