import { nodesOf } from "../../cluster";
import { pick } from "../world";
import { needsPower, restartHold, type Fault } from "./fault";
import { cutScript } from "../cut";

const oneOfThree = "Writes go on: the others have a majority.";

export const etcdFaults: Fault[] = [
  {
    name: "power-off-etcd",
    title: "Power off: an etcd member's machine",
    expects: () => `${oneOfThree} Patroni goes on to another member.`,
    hold: restartHold,
    needs: needsPower("off"),
    async inject(world) {
      const leader = await world.etcdLeader();
      const followers = nodesOf(world.reached.cluster, "etcd").filter(({ name }) => name !== leader.name);
      const member = pick(world, followers, "etcd member beside the leader");
      await world.power.off(member);
      return { targets: [member.name] };
    },
  },
  {
    name: "power-off-etcd-leader",
    title: "Power off: the machine of etcd's leader",
    main: true,
    expects: () =>
      `${oneOfThree} They elect a leader in one to two seconds; Patroni waits for that longer than it takes.`,
    hold: restartHold,
    needs: needsPower("off"),
    async inject(world) {
      const member = await world.etcdLeader();
      await world.power.off(member);
      return { targets: [member.name] };
    },
  },
  {
    name: "cut-etcd-leader",
    title: "etcd's leader cut off from everything",
    expects: () => `${oneOfThree} What runs beside it, a witness too, is alone and decides nothing.`,
    hold: restartHold,
    async inject(world) {
      const member = await world.etcdLeader();
      await world.on(member, cutScript({ from: "all", to: "all" }));
      return { targets: [member.name] };
    },
  },
  {
    name: "kill-etcd-all",
    title: "All of etcd killed, and kept down for 60 s",
    expects: () => "Writes go on: Patroni's failsafe mode keeps the leader while it reaches every other member.",
    hold: () => 60,
    async inject(world) {
      const members = nodesOf(world.reached.cluster, "etcd");
      // The stop is for systemd, which would start it again: nothing is left that could end cleanly.
      const script = "systemctl kill --signal=KILL etcd; systemctl stop etcd";
      await Promise.all(members.map((member) => world.on(member, script)));
      return { targets: members.map(({ name }) => name) };
    },
  },
];
