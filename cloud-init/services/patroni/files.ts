import { stringify } from "yaml";
import { hasPause, watchdogMargin } from "../../../settings/clocks";
import { creators, databasesOf, loginRoles } from "../../../settings/databases";
import { loginTime, patroniPerSource } from "../../../settings/limits";
import { withExtensions } from "../../../settings/extensions";
import { networksOf } from "../../../settings/cidr";
import { ports } from "../../../settings/ports";
import { roleAddresses, type Node, type Plan } from "../../../settings/plan";
import { possibleNames } from "../../../settings/roles";
import { header, unit, type File } from "../../file";
import { guardProgram } from "../guard/files";
import { hardened, type Needs } from "../../hardening";
import { decideFiles } from "./decide";
import { memoryParameters } from "./memory";
import { pinned, pinnedByPatroni } from "./pinned";
import { programFile, programs } from "../../program";
import { tls } from "../../../settings/tls";

/** Where a volume with the data is mounted, if there is one. */
const dataMount = "/var/lib/postgresql";
export const dataDirectory = `${dataMount}/17/main`;
export const binDirectory = "/usr/lib/postgresql/17/bin";

/** Name of the pg_ident map that says which machine's certificate may log in as which role. */
const identMap = "pgha";

/**
 * What Patroni keeps in etcd and gives to every member (`patronictl show-config`): the failover clock and PostgreSQL's
 * parameters. Set at bootstrap, put again by the converge step when it differs.
 */
export function dynamicConfiguration(plan: Plan): Record<string, unknown> {
  const { clock, postgresql, machines } = plan.settings;
  const quorum = postgresql.synchronous === "quorum";
  return {
    ttl: clock.ttl,
    loop_wait: clock.loopWait,
    retry_timeout: clock.retryTimeout,
    primary_start_timeout: clock.primaryStartTimeout,
    // Only counts without synchronous mode: with it, only a standby that has every acknowledged commit can win.
    maximum_lag_on_failover: 1024 ** 2,
    synchronous_mode: quorum ? "quorum" : false,
    synchronous_mode_strict: quorum && postgresql.strict,
    synchronous_node_count: 1,
    // With all of etcd gone, the leader stays if every member still answers it.
    failsafe_mode: true,
    postgresql: {
      use_pg_rewind: true,
      use_slots: true,
      parameters: {
        max_connections: postgresql.maxConnections,
        superuser_reserved_connections: 3,
        authentication_timeout: `${loginTime}s`,
        ...memoryParameters(machines.postgresql.memory, postgresql.maxConnections),
        wal_level: "replica",
        hot_standby: "on",
        hot_standby_feedback: "on",
        wal_log_hints: "on",
        // Enough for eight standbys that clone at once (two senders and a slot each). No function of their number: a change
        // of these needs a restart.
        max_wal_senders: 24,
        max_replication_slots: 24,
        wal_keep_size: "128MB",
        // A standby that is away too long is cloned again rather than fill the leader's disk.
        max_slot_wal_keep_size: "4GB",
        max_wal_size: "2GB",
        checkpoint_timeout: "15min",
        checkpoint_completion_target: 0.9,
        wal_compression: "on",
        // A dead peer is noticed by TCP and by the replication protocol, not by waiting for both to give up.
        wal_sender_timeout: `${clock.peerTimeout}ms`,
        wal_receiver_timeout: `${clock.peerTimeout}ms`,
        wal_receiver_status_interval: "1s",
        // A standby that was refused, as by a leader that recovers from a crash, tries again soon: commits wait for it.
        wal_retrieve_retry_interval: "500ms",
        tcp_keepalives_idle: Math.max(1, Math.ceil(clock.peerTimeout / 2000)),
        tcp_keepalives_interval: 1,
        tcp_keepalives_count: 3,
        // A transaction that somebody has forgotten holds locks, rows that vacuum may not remove, and a place of PgBouncer's pool.
        idle_in_transaction_session_timeout: "10min",
        password_encryption: "scram-sha-256",
        // Every node's own file says better (`pinned.ts`); a node that still is of the release before goes by these.
        ssl: "on",
        ssl_ca_file: tls.ca,
        ssl_cert_file: tls.client,
        ssl_key_file: tls.key,
        ssl_min_protocol_version: "TLSv1.2",
        log_checkpoints: "on",
        log_lock_waits: "on",
        // Who came, how he showed who he is, when he went; and what he changed besides rows. `logFilter` keeps secrets out.
        log_connections: "on",
        log_disconnections: "on",
        log_statement: "ddl",
        log_line_prefix: "[%p] %q%r %u@%d ",
        ...withExtensions(postgresql.parameters, databasesOf(plan.settings)),
      },
    },
  };
}

/** Who may log in from where, and how. First match wins; what is not listed is refused. */
export function hostBasedAuthentication(plan: Plan): string[] {
  const { database } = plan.settings;
  const from = (nodes: Node[], line: (cidr: string) => string) => nodes.map(({ address }) => line(`${address}/32`));
  // All that there can be. A proxy that is to go has clients until the end of the update, long after this has changed; and one
  // that comes needs no word here.
  const proxies = roleAddresses(plan.settings, "haproxy").flatMap(networksOf);
  return [
    "local all postgres peer",
    `local replication replicator peer map=${identMap}`,
    // What users made is read as its owner, also on the node.
    `local ${database.name} ${database.owner} peer map=${identMap}`,
    // Nobody is superuser from the network.
    "host all postgres all reject",
    ...from(plan.postgresql, (cidr) => `hostssl replication replicator ${cidr} cert map=${identMap}`),
    ...from(plan.postgresql, (cidr) => `hostssl postgres rewind_user ${cidr} cert map=${identMap}`),
    // To look passwords up, and for the lock by which proxies take turns (converge/haproxy.sh).
    ...proxies.map((cidr) => `hostssl postgres pgbouncer ${cidr} cert map=${identMap}`),
    // Where proxies of the release before look passwords up until they have their new files. Then it has no right to connect any more.
    ...proxies.map((cidr) => `hostssl ${database.name} pgbouncer ${cidr} cert map=${identMap}`),
    ...proxies.flatMap((cidr) => clientLogins(plan, cidr)),
  ];
}

/** Who comes through a proxy with a password. */
function clientLogins({ settings }: Plan, cidr: string): string[] {
  const replicating = loginRoles(settings).flatMap(({ name, replication }) => (replication ? [name] : []));
  const making = creators(settings);
  return [
    ...databasesOf(settings).map(({ name, visitors }) => `hostssl ${name} ${visitors.join(",")} ${cidr} scram-sha-256`),
    ...replicating.map((name) => `hostssl replication ${name} ${cidr} scram-sha-256`),
    // The databases that such a role has made: all but those that are somebody's. Tools look for them in the database postgres.
    ...(making.length > 0
      ? [
          `hostssl template0,template1,${databasesOf(settings)
            .map(({ name }) => name)
            .join(",")} all ${cidr} reject`,
          `hostssl all ${making.join(",")} ${cidr} scram-sha-256`,
        ]
      : []),
  ];
}

/** Which certificate (by its common name, the node's) or OS user may be which role. */
export function identMapLines(plan: Plan): string[] {
  return [
    `${identMap} postgres replicator`,
    `${identMap} postgres ${plan.settings.database.owner}`,
    ...plan.postgresql.flatMap(({ name }) => [`${identMap} ${name} replicator`, `${identMap} ${name} rewind_user`]),
    ...possibleNames("haproxy").map((name) => `${identMap} ${name} pgbouncer`),
  ];
}

/** What Patroni runs of ours at a stop and at a change of role (hooks.ts). */
const hooks = {
  before_stop: `${programs}/before-stop.sh`,
  callbacks: {
    on_role_change: `${programs}/role-change.sh`,
    on_start: `${programs}/role-change.sh`,
    on_restart: `${programs}/role-change.sh`,
  },
};

/**
 * Whether a leader whose Patroni hangs is reset before its key expires (Patroni's documentation, "Watchdog support"): by the
 * software watchdog of a machine's own kernel; containers share their host's. The reset comes `safety_margin` before the key
 * expires, and with `ttl - safety_margin - loop_wait - retry_timeout > 0` not while Patroni only waits for etcd.
 */
const watchdog = ({ settings }: Plan) =>
  settings.driver === "aws"
    ? { mode: "automatic", device: watchdogDevice, safety_margin: watchdogMargin }
    : { mode: "off" };

const watchdogDevice = "/dev/watchdog";

/** What stands between PostgreSQL and the journal, so that no password gets there (`log_filter.py`). */
const logFilter = "log_filter.py";

/**
 * What Patroni's unit must leave to PostgreSQL, which it starts, and to what PostgreSQL starts: archive commands, `COPY ... PROGRAM`,
 * languages. Anything beyond is for a drop-in of the operator's own, such as `ReadWritePaths=` for tablespaces elsewhere.
 */
const postgresqlNeeds = ({ settings }: Plan): Needs => ({
  // Not RemoveIPC, PrivateTmp, PrivateIPC: PostgreSQL outlives a Patroni that died, and must find its shared memory, sockets and
  // temporary files beside the next one.
  writes: [dataMount, "-/var/log/postgresql"],
  sharedTmp: true,
  // `samehost` in pg_hba.conf, and the resolver.
  families: ["AF_NETLINK"],
  // Debian's packages bring the JIT compiler (llvmjit), and it is on by default.
  compiles: true,
  device: settings.driver === "aws" ? watchdogDevice : undefined,
});

/** Patroni reads YAML 1.1, where a bare `on` is true: what it begins a cluster with would differ from `dynamic.json`, which is JSON. */
const yaml11 = { version: "1.1" } as const;

/** Patroni's configuration, its unit and the cluster-wide configuration, for one node. */
export function patroniFiles(plan: Plan, node: Node): File[] {
  const dynamic = dynamicConfiguration(plan);
  const byCertificate = (username: string) => ({
    username,
    sslmode: "verify-full",
    sslrootcert: tls.ca,
    sslcert: tls.client,
    sslkey: tls.key,
  });
  const config = {
    scope: plan.cluster,
    name: node.name,
    log: {
      level: "INFO",
      format: "%(levelname)s: %(message)s",
      // One line a second that nothing has changed would bury the others.
      deduplicate_heartbeat_logs: true,
    },
    restapi: {
      listen: `${node.address}:${ports.patroni}`,
      connect_address: `${node.address}:${ports.patroni}`,
      certfile: tls.server,
      keyfile: tls.key,
      cafile: tls.ca,
      // Health checks need no certificate; what changes something needs one, and comes from a database node.
      verify_client: "optional",
      allowlist: plan.postgresql.map(({ address }) => `${address}/32`),
      // A check that hangs must not keep others waiting.
      request_queue_size: 64,
      // A connection holds one for as long as it likes, before its handshake, too: more than all who may connect can hold, in the
      // largest cluster there may be. Threads are made as they are needed.
      thread_pool_size: 25 * patroniPerSource,
    },
    ctl: { cacert: tls.ca, certfile: tls.client, keyfile: tls.key },
    etcd3: {
      hosts: plan.etcd.map(({ address }) => `${address}:${ports.etcdClient}`),
      protocol: "https",
      cacert: tls.ca,
      cert: tls.client,
      key: tls.key,
    },
    bootstrap: {
      dcs: dynamic,
      initdb: [
        { encoding: "UTF8" },
        { locale: "C.UTF-8" },
        "data-checksums",
        { "auth-local": "peer" },
        { "auth-host": "reject" },
      ],
    },
    postgresql: {
      listen: `${node.address}:${ports.postgresql}`,
      connect_address: `${node.address}:${ports.postgresql}`,
      use_unix_socket: true,
      use_unix_socket_repl: true,
      data_dir: dataDirectory,
      bin_dir: binDirectory,
      pgpass: "/run/patroni/pgpass",
      parameters: pinned(plan.settings, dataDirectory),
      ...pinnedByPatroni,
      authentication: {
        superuser: { username: "postgres" },
        replication: byCertificate("replicator"),
        rewind: byCertificate("rewind_user"),
      },
      pg_hba: hostBasedAuthentication(plan),
      pg_ident: identMapLines(plan),
      ...(hasPause(plan.settings.clock) && hooks),
      pre_promote: guardProgram,
      // pg_rewind comes first; a standby whose rewind failed is worth nothing and is cloned again.
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
    },
    watchdog: watchdog(plan),
  };
  const service = unit({
    Unit: {
      Description: "Patroni, which runs PostgreSQL and decides with the others who leads",
      After: "network.target",
      // Without its volume Patroni would fill the root disk with a new copy of the data.
      ...(plan.settings.driver === "aws" && { RequiresMountsFor: dataMount }),
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "simple",
      User: "postgres",
      Group: "postgres",
      RuntimeDirectory: "patroni postgresql",
      RuntimeDirectoryMode: "2775",
      RuntimeDirectoryPreserve: "yes",
      // Patroni is the main process. The filter ends after PostgreSQL, which may outlive Patroni.
      ExecStart: `/bin/bash -c 'exec /opt/patroni/bin/patroni /etc/patroni/patroni.yml > >(exec ${programs}/${logFilter}) 2>&1'`,
      ExecReload: "/bin/kill -s HUP $MAINPID",
      SyslogIdentifier: "patroni",
      // PostgreSQL outlives a Patroni that died: it is found again by the one systemd starts at once.
      KillMode: "process",
      Restart: "always",
      RestartSec: `${plan.settings.clock.restartDelay}ms`,
      // A clean stop may have a checkpoint to write; killing it half-way costs a crash recovery.
      TimeoutStopSec: 120,
      TimeoutStartSec: "infinity",
      LimitNOFILE: 65536,
      OOMScoreAdjust: -900,
      ...hardened(postgresqlNeeds(plan)),
    },
    Install: { WantedBy: "multi-user.target" },
  });
  return [
    {
      path: "/etc/patroni/patroni.yml",
      owner: "root:postgres",
      mode: "0640",
      content: header() + stringify(config, yaml11),
    },
    {
      path: "/etc/patroni/dynamic.json",
      owner: "root:postgres",
      mode: "0640",
      content: `${JSON.stringify(dynamic, null, 2)}\n`,
    },
    programFile(`patroni/${logFilter}`),
    programFile("patroni/trial.py"),
    ...decideFiles(plan, node),
    { path: "/etc/systemd/system/patroni.service", owner: "root:root", mode: "0644", content: service },
  ];
}
