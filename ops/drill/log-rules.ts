import type { JournalLine } from "./journal";
import type { Layer, Step } from "./model";

/** What a line of a journal means. */
export interface Meaning {
  layer: Layer;
  step: Step;
  text: string;
}

/** A line's pattern, the step it is, and how to say it in short; `$1` is the pattern's first group. */
type Rule = [RegExp, Step, string];

/** Messages of Patroni 4.1 (patroni/ha.py, api.py). What it says every second is left out. */
const patroni: Rule[] = [
  [/^INFO: received (switchover|failover) request .*/, "noticed", "was asked for a $1"],
  [/^WARNING: Postgresql is not running\./, "noticed", "PostgreSQL is not running"],
  [/^INFO: Primary crashed\. Failing over\./, "note", "hands over after the crash"],
  [/^ERROR: failed to update leader lock/, "noticed", "could not renew the leader key"],
  [/^INFO: demoting self because DCS is not accessible.*/, "noticed", "gives up leading: etcd is out of reach"],
  [/^INFO: Demoting primary during .*/, "noticed", "gives up leading: it lost the leader key"],
  [/^INFO: demoting self because .*/, "noticed", "gives up leading: it lost the leader key"],
  [/^INFO: Demoting self because (.*)/, "noticed", "gives up leading: $1"],
  [/^INFO: Demoting self \((.*)\)/, "note", "stops PostgreSQL as leader ($1)"],
  [
    /^INFO: continue to run as a leader because failsafe mode .*/,
    "note",
    "goes on without etcd: every member answers it",
  ],
  [/^ERROR: Error communicating with DCS/, "note", "cannot reach etcd"],
  [/^INFO: Leader key released/, "lock-free", "released the leader key"],
  [/^INFO: promoted self to leader by acquiring session lock/, "lock-taken", "took the leader key"],
  [/^INFO: acquired session lock as a leader/, "lock-taken", "took the leader key back"],
  [/^INFO: Got quorum vote from (\S+)/, "note", "has the vote of $1"],
  [/^INFO: Could not take out TTL lock/, "note", "another took the leader key first"],
  [/^INFO: (?:following|demoting self).*not the healthiest node/, "note", "leaves the leader key to another"],
  [/^WARNING: (Primary \(\S+\) is still alive)/, "note", "$1"],
  [/^INFO: Quorum requirement (\d+) can not be reached/, "note", "$1 votes are needed and not to be had"],
  [/^INFO: stopped PostgreSQL to fail over after a crash/, "note", "PostgreSQL is stopped"],
  [/^INFO: (running pg_rewind from (?!dbname)\S+)$/, "note", "$1"],
  [/^INFO: (trying to )?(bootstrap from leader \S+).*/, "note", "$2"],
  [
    /^(?:ERROR|CRITICAL|FATAL): (?!Request to |Failed to get list|Exceeded retry|KVCache|watchprefix|get_|update_leader)(.*)/,
    "note",
    "$1",
  ],
];

/** Messages of PostgreSQL 17. */
const postgresql: Rule[] = [
  [/terminating connection due to unexpected postmaster exit/, "noticed", "the postmaster is gone"],
  [/was terminated by (signal \d+.*)/, "noticed", "a server process was ended by $1"],
  [/PANIC: {2}(.*)/, "noticed", "PANIC: $1"],
  [/received (fast|immediate|smart) shutdown request/, "note", "$1 shutdown"],
  [/all server processes terminated; reinitializing/, "note", "starts anew after a crash"],
  [/LOG: {2}database system is shut down/, "note", "is shut down"],
  [/canceling the wait for synchronous replication.*/, "note", "ended a commit's wait for a standby"],
  [/received promote request/, "note", "received the promote request"],
  [/selected new timeline ID: (\d+)/, "note", "timeline $1"],
  [/database system is ready to accept connections/, "promoted", "takes writes"],
  [/database system is ready to accept read-only connections/, "note", "takes reads"],
  [/LOG: {2}started streaming WAL from primary at \S+ on timeline (\d+)/, "note", "streams timeline $1"],
  [/LOG: {2}restarted WAL streaming at \S+ on timeline (\d+)/, "note", "streams timeline $1"],
  [/replication terminated by primary server|could not receive data from WAL stream.*/, "note", "lost its stream"],
  [/terminating walreceiver due to timeout/, "note", "lost its stream: the leader was silent"],
  [/terminating walsender process due to replication timeout/, "note", "ended a stream: the standby was silent"],
  [/standby "(\S+)" is now a (?:candidate for quorum )?synchronous standby/, "note", "$1 confirms commits"],
  [/parameter "synchronous_standby_names" changed to "(.*)"/, "note", "commits wait for $1"],
  [/could not (?:write|extend) .*No space left on device/, "note", "the disk is full"],
];

/**
 * Messages of HAProxy 3.0. It says everything twice; the copies that begin with a level are left out. `leaders` is what is
 * checked; what follows it says so once more ("via leaders/..."), which is left out, too.
 */
const haproxy: Rule[] = [
  [/^Server (leaders\S+) is DOWN, reason: .*"(does not lead)".*/, "server-down", "$1: $2"],
  [/^Server (leaders\S+) is DOWN, reason: (.*?), (?:info: .*, )?check duration.*/, "server-down", "$1: $2"],
  [/^Server (leaders\S+) is DOWN\b.*/, "server-down", "$1"],
  [/^Server (leaders\S+) is UP\b.*/, "server-up", "$1"],
  // Where reads go is no step of a failover.
  [/^Server (replicas\S+) is (DOWN|UP)\b.*/, "note", "$1: $2"],
  [/^backend (\S+) has no server available!/, "note", "$1 has no server"],
];

/** Messages of PgBouncer 1.24. Lines about one connection begin with its address, which says nothing here. */
const pgbouncer: Rule[] = [
  [/^S-.*(?:when not linked|server conn crashed\?|closing because.*)/, "note", "lost server connections"],
  [/^C-.*pooler error: server login has been failing.*/, "note", "turns clients away until it has logged in again"],
  [/^C-.*pooler error: (.*)/, "note", "a client was told: $1"],
  [/^server login failed: (?:\w+) (.*)/, "note", "could not log in: $1"],
  [/^(PAUSE|RESUME|RECONNECT|KILL) command issued.*/, "note", "$1"],
];

/** Messages of the gate, which pauses PgBouncer (cloud-init/programs/gate.py). */
const gate: Rule[] = [
  [/^pauses \S+ for (\S+)/, "note", "pauses for $1"],
  [/^resumed after (\S+ s): (.*)/, "note", "goes on after $1: $2"],
  [/^cannot resume yet, tries again: (.*)/, "note", "cannot go on yet: $1"],
  [/^(refused \S+: .*|told HAProxy .*|could not tell HAProxy .*)/, "note", "$1"],
];

/** Messages of what Patroni runs of ours (cloud-init/programs). */
const hooks: Rule[] = [
  [/^pgha: (PostgreSQL has .*)/, "note", "$1"],
  [/^pgha: asked (.*)/, "note", "asked for a pause: $1"],
  [/^pgha: takes writes, told (.*)/, "note", "told the proxies that it takes writes: $1"],
];

/** Messages of etcd 3.6 and its raft library, whose lines are JSON. */
const etcd: Rule[] = [
  [/^raft\.node: \w+ lost leader \w+ at term (\d+)/, "note", "lost its etcd leader"],
  [
    /^raft\.node: \w+ (?:elected leader|changed leader from \w+ to) \w+ at term (\d+)/,
    "note",
    "etcd leader of term $1",
  ],
  [/^lost TCP streaming connection with remote peer|^peer became inactive.*/, "note", "lost a peer"],
  [/^leader failed to send out heartbeat on time.*/, "note", "was too slow for its heartbeat"],
  [/.*etcdserver: no leader.*/, "note", "has no etcd leader"],
];

/** systemd, about a unit. */
const systemd: Rule[] = [
  [/^\S+\.service: Main process exited, code=(\w+), status=(\S+)/, "note", "ended: $1, $2"],
  [/^Started .*/, "note", "started"],
  [/^Stopped .*/, "note", "stopped"],
];

const ruleSets: Record<string, { layer: Layer; rules: Rule[] }> = {
  patroni: { layer: "patroni", rules: [...patroni, ...hooks, ...systemd] },
  haproxy: { layer: "haproxy", rules: [...haproxy, ...systemd] },
  pgbouncer: { layer: "pgbouncer", rules: [...pgbouncer, ...systemd] },
  "pgha-gate": { layer: "pgbouncer", rules: [...gate, ...systemd] },
  etcd: { layer: "etcd", rules: [...etcd, ...systemd] },
};

/** PostgreSQL's prefix, `[pid] user@database `; the prompt of a single-user server may come before it. */
const fromPostgresql = /^(?:backend> )?\[\d+\] /;

/** What a line means; undefined: nothing worth showing. */
export function meaningOf({ unit, text }: JournalLine): Meaning | undefined {
  const isPostgresql = unit === "patroni" && fromPostgresql.test(text);
  const set = isPostgresql ? { layer: "postgresql" as const, rules: postgresql } : ruleSets[unit];
  const said = unit === "etcd" ? etcdMessage(text) : text;
  for (const [pattern, step, short] of set?.rules ?? []) {
    const [found] = pattern.exec(said) ?? [];
    if (found !== undefined) return { layer: set!.layer, step, text: found.replace(pattern, short).slice(0, 160) };
  }
  return undefined;
}

/** The message of one of etcd's JSON lines, with its error. */
function etcdMessage(text: string): string {
  const [, message = text] = /"msg":"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  const [, error] = /"error":"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  return error ? `${message}: ${error}` : message;
}
