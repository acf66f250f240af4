import type { Role } from "../../../settings/roles";
import { sample } from "./thorough";

/** A way to break a cluster, and which checks must see it. */
export interface Break {
  name: string;
  /** Whom it hits: a replica (never the leader), or the first node of the role. */
  where: "replica" | Exclude<Role, "postgresql">;
  /** Run as root on that node. */
  break: string;
  repair: string;
  /** The checks that fail then, as `group: name`; all others pass. */
  fails: string[];
}

// Patroni ends a pg_wal_replay_pause() within a second (its `handle_parameter_change`), so the process that replays is
// stopped instead: what is received is no longer applied, and all else goes on.
const signalReplay = (signal: string) => `pid=$(pgrep -f '^postgres: .*startup recovering') && kill -${signal} "$pid"`;

/**
 * What each break touches, and so how the checks are told apart. Nothing beside the checks named here may fail: a check
 * looks at what its name says, and leaves out nodes whose silence another check is there to tell.
 *
 * | broken | etcd | Patroni | REST | HAProxy | connectivity | replication | integrity | files | commands |
 * |---|---|---|---|---|---|---|---|---|---|
 * | a replica stopped | | members, streaming | answers | reads | | streams, slots | row on every replica | | |
 * | an etcd member stopped | answers | | | | | | | | |
 * | HAProxy down on a proxy | | | | all three | all three | | | | |
 * | a file altered by hand | | | | | | | | its daemon's | |
 * | the configuration in etcd altered by hand | | | | | | | | of the cluster | |
 * | replication paused on a replica | | lag | | | | | row on every replica | | |
 *
 * The rows are for a cluster of the default size. With two database nodes, a stopped replica also leaves strict synchronous
 * mode without a standby: writes wait, and no switchover is possible.
 */
export const breaks: Break[] = [
  {
    name: "a stopped replica",
    where: "replica",
    break: "systemctl stop patroni",
    repair: "systemctl start patroni",
    fails: [
      "Patroni cluster: has every member",
      "Patroni cluster: has every other member as a streaming replica on the leader's timeline",
      "REST API: every node answers over TLS, and in plaintext not at all",
      "HAProxy: has the replicas up for reads",
      "streaming replication: every replica streams from the leader, synchronous as the stack says",
      "streaming replication: every replica has its slot on the leader, in use",
      "data integrity: a row written through the pooled port appears on every replica",
    ],
  },
  {
    name: "a stopped etcd member",
    where: "etcd",
    break: "systemctl stop etcd",
    repair: "systemctl start etcd",
    fails: ["etcd health: every member answers and is healthy"],
  },
  {
    name: "HAProxy down on a proxy",
    where: "haproxy",
    break: "systemctl stop haproxy",
    repair: "systemctl start haproxy",
    fails: [
      "HAProxy: shows its stats page with the password only",
      "HAProxy: has exactly the leader up for writes",
      "HAProxy: has the replicas up for reads",
      "database connectivity: the write port leads to the leader, over TLS",
      "database connectivity: the read port leads to a replica, over TLS",
      "database connectivity: the pooled port leads to the leader, over TLS",
    ],
  },
  ...sample(
    [
      { daemon: "etcd", where: "etcd" as const, path: "/etc/etcd/etcd.yml" },
      { daemon: "patroni", where: "replica" as const, path: "/etc/patroni/patroni.yml" },
      { daemon: "haproxy", where: "haproxy" as const, path: "/etc/haproxy/haproxy.cfg" },
      { daemon: "pgbouncer", where: "haproxy" as const, path: "/etc/pgbouncer/pgbouncer.ini" },
    ],
    3,
  ).map(({ daemon, where, path }) => ({
    name: `a configuration file of ${daemon} altered by hand`,
    where,
    break: `cp -p ${path} /run/pgha-altered && echo '# altered' >>${path}`,
    repair: `cp -p /run/pgha-altered ${path} && rm /run/pgha-altered`,
    fails: [`configuration files: those of ${daemon} are on every node as rendered`],
  })),
  {
    name: "the configuration in etcd changed by hand",
    where: "replica",
    break: "patronictl -c /etc/patroni/patroni.yml edit-config --force -s member_slots_ttl=60",
    repair: "patronictl -c /etc/patroni/patroni.yml edit-config --force -s member_slots_ttl=null",
    fails: ["configuration files: of the cluster in etcd is as the settings have it, and so are roles and rights"],
  },
  {
    name: "replication paused",
    where: "replica",
    break: signalReplay("STOP"),
    repair: signalReplay("CONT"),
    fails: [
      "Patroni cluster: has replicas with a lag of 0 bytes",
      "data integrity: a row written through the pooled port appears on every replica",
    ],
  },
];
