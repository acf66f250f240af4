import { superuserSql } from "../../ask";
import { performSwitchover } from "../../switchover/perform";
import { prepareSwitchover } from "../../switchover/plan";
import { failoverHold, restartHold, type Fault } from "./fault";

/** Shell: the process id of PostgreSQL's postmaster, in `$postmaster`. It is the oldest of those with its command line. */
const postmaster = `postmaster=$(pgrep -o -u postgres -f '^/usr/lib/postgresql/[0-9]+/bin/postgres ')`;

/**
 * A backend to kill: one in the middle of a write if there is one, else any client's, else a helper process, whose violent
 * end has the same consequences. Not one of replication's, which ends alone.
 */
const victim = `SELECT pid, backend_type, coalesce(state, 'idle') FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND usename IS DISTINCT FROM 'postgres' AND backend_type <> 'walsender'
  ORDER BY backend_xid IS NULL, state IS DISTINCT FROM 'active', backend_type <> 'client backend', pid LIMIT 1`;

/** Shell that lets every process of PostgreSQL and Patroni go on that was stopped. */
export const resumeProcesses = `if frozen=$(pgrep -r T -u postgres); then
  # shellcheck disable=SC2086
  kill -CONT $frozen || true
  echo "processes were stopped"
fi`;

const inPlaceOrOver = (primaryStartTimeout: number) =>
  primaryStartTimeout === 0
    ? "Patroni hands over to a standby at once; what was under way breaks off."
    : "Patroni starts PostgreSQL again in place; what was under way breaks off.";

/** Busy loops on the leader's machine, and for how long, seconds. */
const burn = { loops: 8, seconds: 15 };
const burner = "pgha-drill-burn";

/** Shell that ends the busy loops that a fault has left. */
export const stopBurner = `if systemctl --quiet is-active ${burner}; then systemctl stop ${burner}; echo "its processor was busy"; fi`;

export const processFaults: Fault[] = [
  {
    name: "switchover",
    title: "Switchover to a standby",
    main: true,
    expects: () =>
      "PostgreSQL ends cleanly on the old leader and a standby takes over. What was under way breaks off or waits; nothing is lost.",
    hold: () => 2,
    async inject(world) {
      // A fault of etcd just before keeps standbys in failsafe mode for as long as this.
      const plan = await prepareSwitchover(world.reached, { wait: world.clock.ttl + 5 });
      const { from, to, promoted } = await performSwitchover(world.reached, plan);
      return { targets: [from], note: `${from} -> ${to}, promoted after ${promoted.toFixed(1)} s` };
    },
  },
  {
    name: "kill-postmaster",
    title: "PostgreSQL killed on the leader",
    main: true,
    expects: ({ primaryStartTimeout }) => inPlaceOrOver(primaryStartTimeout),
    hold: restartHold,
    async inject(world) {
      const leader = await world.leader();
      await world.on(leader, `${postmaster} && kill -KILL "$postmaster"`);
      return { targets: [leader.name] };
    },
  },
  {
    name: "kill-backend",
    title: "One backend killed on the leader, in a write",
    expects: () =>
      "PostgreSQL ends all its connections and recovers in place; what was under way breaks off. Writes go on when a standby streams again.",
    hold: restartHold,
    async inject(world) {
      const leader = await world.leader();
      const found = await world.on(leader, superuserSql(victim));
      const [pid, kind, state] = found.split("|");
      await world.on(leader, `kill -KILL ${Number(pid)}`);
      return { targets: [leader.name], note: `${kind} ${pid} (${state})` };
    },
  },
  {
    name: "kill-patroni",
    title: "Patroni killed on the leader",
    main: true,
    expects: ({ restartDelay }) =>
      `systemd starts it again after ${restartDelay} ms and it goes on leading; PostgreSQL runs on. ` +
      "HAProxy keeps Patroni's last answer, so clients notice nothing.",
    hold: restartHold,
    async inject(world) {
      const leader = await world.leader();
      await world.on(leader, "systemctl kill --kill-whom=main --signal=KILL patroni");
      return { targets: [leader.name] };
    },
  },
  {
    name: "burn-leader",
    title: "The leader's processor kept busy by eight loops",
    expects: () => "All is slower, and nobody takes the leader's role away.",
    hold: () => burn.seconds,
    async inject(world) {
      const leader = await world.leader();
      const loops = `for ((n = 0; n < ${burn.loops}; n++)); do while :; do :; done & done; wait`;
      const unit = `--quiet --collect --unit ${burner} --property RuntimeMaxSec=${burn.seconds}`;
      await world.on(leader, `systemd-run ${unit} bash -c '${loops}'`);
      return { targets: [leader.name] };
    },
  },
  {
    name: "freeze-patroni",
    title: "Patroni stopped (SIGSTOP) on the leader",
    expects: ({ ttl }, synchronous) =>
      `Writes go on, because HAProxy keeps Patroni's last answer. The key ends within ${ttl} s, and a standby takes over. ` +
      (synchronous === "quorum"
        ? "The old leader cannot confirm a write without its standbys."
        : "What the old leader still confirms after that is lost."),
    hold: failoverHold,
    async inject(world) {
      const leader = await world.leader();
      await world.on(leader, "systemctl kill --kill-whom=main --signal=STOP patroni");
      return { targets: [leader.name] };
    },
  },
  {
    name: "freeze-postmaster",
    title: "The postmaster stopped (SIGSTOP) on the leader",
    expects: () =>
      "Connections that exist work on; new ones to PostgreSQL get no answer for as long as it lasts. " +
      "Nobody takes over: Patroni's own connection works.",
    hold: restartHold,
    async inject(world) {
      const leader = await world.leader();
      await world.on(leader, `${postmaster} && kill -STOP "$postmaster"`);
      return { targets: [leader.name] };
    },
  },
  {
    name: "freeze-postgresql",
    title: "All of PostgreSQL stopped (SIGSTOP) on the leader: a hung server",
    expects: ({ ttl }) =>
      `Queries get no answer. Patroni hangs in one of its own, so its key ends within ${ttl} s and a standby takes over.`,
    hold: failoverHold,
    async inject(world) {
      const leader = await world.leader();
      // The postmaster first: it starts no further child.
      const script = `${postmaster} && kill -STOP "$postmaster" && pgrep -P "$postmaster" | xargs kill -STOP`;
      await world.on(leader, script);
      return { targets: [leader.name] };
    },
  },
];
