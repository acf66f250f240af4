import { nodesOf } from "../../cluster";
import { restartHold, type Fault } from "./fault";

/** Keeps the moment of the machine's boot by its clock before the jump, seconds since the epoch. */
const bootMark = "/run/pgha-drill-clock";
const jump = 300;

const bootTime = "$(($(date +%s) - $(cut -d. -f1 /proc/uptime)))";

/** Shell that sets the clock forward and remembers where it would be. */
const jumpForward = `echo ${bootTime} >${bootMark} && date -s @$(($(date +%s) + ${jump})) >/dev/null`;

/** Shell that sets the clock to where it would be, to a second; the machine's time service does the rest. */
export const setClockBack = `if [ -e ${bootMark} ]; then
  date -s @$(($(cat ${bootMark}) + $(cut -d. -f1 /proc/uptime))) >/dev/null
  rm ${bootMark}
  echo "its clock was wrong"
fi`;

export const clockFaults: Fault[] = [
  {
    name: "clock-jump",
    title: `The leader's clock ${jump} s fast`,
    expects: () => "Nothing: the leader key's life is counted by etcd, and waits by clocks that do not jump.",
    hold: restartHold,
    async needs(world) {
      const [node] = nodesOf(world.reached.cluster, "postgresql");
      const container = node && (await world.on(node, "systemd-detect-virt --container || true"));
      return container && container !== "none"
        ? `the machines are containers (${container}), which have the clock of their host`
        : undefined;
    },
    async inject(world) {
      const leader = await world.leader();
      await world.on(leader, jumpForward);
      return { targets: [leader.name] };
    },
  },
];
