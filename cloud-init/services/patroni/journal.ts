import type { JournalRule } from "../service";

/** Messages of Patroni 4.1 (patroni/ha.py, api.py). What it says every second is left out. */
export const fromPatroni: JournalRule[] = [
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

/** Messages of what Patroni runs of ours: the hooks beside this, and the guard's verdict. */
export const fromHooks: JournalRule[] = [
  [/^guard: (.*)/, "note", "the guard: $1"],
  [/^pgha: (PostgreSQL has .*)/, "note", "$1"],
  [/^pgha: asked (.*)/, "note", "asked for a pause: $1"],
  [/^pgha: takes writes, told (.*)/, "note", "told the proxies that it takes writes: $1"],
];

/** Messages of PostgreSQL 17. */
export const fromPostgresql: JournalRule[] = [
  [/terminating connection due to unexpected postmaster exit/, "noticed", "the postmaster is gone"],
  [/was terminated by (signal \d+.*)/, "noticed", "a server process was ended by $1"],
  [/PANIC: {2}(.*)/, "noticed", "PANIC: $1"],
  [/received (fast|immediate|smart) shutdown request/, "note", "$1 shutdown"],
  [/all server processes terminated; reinitializing/, "note", "restarts after a crash"],
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

/** PostgreSQL's prefix, `[pid] user@database `; the prompt of a single-user server may come before it. */
export const postgresqlPrefix = /^(?:backend> )?\[\d+\] /;
