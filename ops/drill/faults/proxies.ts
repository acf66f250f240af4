import { nodesOf } from "../../cluster";
import { pick } from "../world";
import { restartHold, type Fault } from "./fault";

/** All processes of a daemon killed on one proxy. */
const killed = (unit: string, name: string, expects: string): Fault => ({
  name: `kill-${unit}`,
  title: `${name} killed on a proxy`,
  main: true,
  expects: ({ restartDelay }) => `${expects} systemd starts it again after ${restartDelay} ms.`,
  hold: restartHold,
  async inject(world) {
    const proxy = pick(world, nodesOf(world.reached.cluster, "haproxy"), "proxy");
    await world.on(proxy, `systemctl kill --signal=KILL ${unit}`);
    return { targets: [proxy.name] };
  },
});

export const proxyFaults: Fault[] = [
  killed(
    "haproxy",
    "HAProxy",
    "Its sessions end, also those of PgBouncer beside it, whose clients may have to wait for a new connection.",
  ),
  killed("pgbouncer", "PgBouncer", "Its clients are cut off and connect again, here or at another proxy."),
];
