import { pooledLoginTime, strangers } from "../../../settings/limits";
import { ports } from "../../../settings/ports";
import type { Plan } from "../../../settings/plan";
import { header, unit, type File } from "../../file";
import { gateUser } from "../gate/files";
import { hardened } from "../../hardening";
import { lookupDatabase, pgbouncerDatabases, pgbouncerLogins } from "./databases";
import { tls } from "../../../settings/tls";

/**
 * PgBouncer wants its lookup role listed with a password. It logs in by certificate and needs none; but an empty one is one that
 * a client may send, and so is the `md5` that PgBouncer takes for the password of a role that has none. So nobody knows this one.
 * @param password letters and digits
 */
export function pgbouncerSecrets(password: string): File {
  return {
    path: "/etc/pgbouncer/userlist.txt",
    owner: "root:postgres",
    mode: "0640",
    content: `"pgbouncer" "${password}"\n${gateEntry}`,
  };
}

/**
 * PgBouncer lets nobody in who is not listed, not even by `peer`. The gate has no password, and no client finds one for this
 * verifier: its hash would have to be all zeros.
 */
const zeros = (bytes: number) => Buffer.alloc(bytes).toString("base64");
const gateEntry = `"${gateUser}" "SCRAM-SHA-256$4096:${zeros(16)}$${zeros(32)}:${zeros(32)}"\n`;

/** PgBouncer's configuration. Options after PgBouncer 1.24, doc/config.md. */
export function pgbouncerFiles(plan: Plan): File[] {
  const { pool, clock } = plan.settings;
  const config = {
    databases: pgbouncerDatabases(plan),
    pgbouncer: {
      listen_addr: "*",
      listen_port: ports.pooled,
      unix_socket_dir: "/var/run/postgresql",
      pidfile: "/run/pgbouncer/pgbouncer.pid",
      auth_type: "hba",
      auth_hba_file: "/etc/pgbouncer/hba.conf",
      auth_file: "/etc/pgbouncer/userlist.txt",
      // At the console, beside PgBouncer's own OS user.
      admin_users: gateUser,
      // PgBouncer logs in by its certificate and looks the client's password verifier up (cloud-init/services/patroni/sql.ts).
      auth_user: "pgbouncer",
      auth_dbname: lookupDatabase,
      auth_query: "SELECT name, verifier FROM pgha.lookup($1)",
      client_tls_sslmode: "require",
      client_tls_ca_file: tls.ca,
      client_tls_cert_file: tls.server,
      client_tls_key_file: tls.key,
      client_tls_protocols: "secure",
      // HAProxy passes TLS through: what is shown is the leader's certificate, whoever it is. All of theirs name 127.0.0.1.
      server_tls_sslmode: "verify-full",
      server_tls_ca_file: tls.ca,
      server_tls_cert_file: tls.client,
      server_tls_key_file: tls.key,
      server_tls_protocols: "secure",
      pool_mode: pool.mode,
      max_client_conn: pool.maxClients + strangers,
      max_db_client_connections: pool.maxClients,
      client_login_timeout: pooledLoginTime,
      default_pool_size: pool.size,
      max_db_connections: pool.size,
      max_prepared_statements: pool.preparedStatements,
      server_login_retry: clock.loginRetry,
      // HAProxy holds a login while nobody leads. Were it to fail, PgBouncer would answer new queries with its error.
      server_connect_timeout: clock.hold > 0 ? clock.hold + 5 : Math.ceil(clock.connectTimeout / 1000),
      query_wait_timeout: 120,
      server_idle_timeout: 600,
      // A peer that vanished. Not by tcp_user_timeout: that ends a client, too, that takes its time to read a long answer.
      tcp_keepalive: 1,
      tcp_keepidle: Math.max(1, Math.ceil(clock.peerTimeout / 2000)),
      tcp_keepintvl: 1,
      tcp_keepcnt: 3,
      // Drivers set these at connect; PgBouncer does not track them.
      ignore_startup_parameters: "extra_float_digits,options",
      // Who came from where. How a login ended is logged when it failed.
      log_connections: 1,
      log_disconnections: 0,
      stats_period: 60,
    },
  };
  const ini = Object.entries(config).map(([section, entries]) =>
    [`[${section}]`, ...Object.entries(entries).map(([key, value]) => `${key} = ${value}`)].join("\n"),
  );
  const hba = [
    // The console: the daemon's own OS user and the gate's, on this machine.
    "local pgbouncer pgbouncer peer",
    `local pgbouncer ${gateUser} peer`,
    ...pgbouncerLogins(plan),
  ];
  return [
    {
      path: "/etc/pgbouncer/pgbouncer.ini",
      owner: "root:postgres",
      mode: "0640",
      content: `${header(";")}${ini.join("\n\n")}\n`,
    },
    {
      path: "/etc/pgbouncer/hba.conf",
      owner: "root:postgres",
      mode: "0640",
      content: `${header()}${hba.join("\n")}\n`,
    },
    {
      path: "/etc/systemd/system/pgbouncer.service",
      owner: "root:root",
      mode: "0644",
      content: unit({
        Unit: {
          Description: "PgBouncer, which lets many clients share few connections",
          After: "network.target",
          StartLimitIntervalSec: 0,
        },
        Service: {
          Type: "notify",
          User: "postgres",
          Group: "postgres",
          RuntimeDirectory: "pgbouncer postgresql",
          RuntimeDirectoryMode: "2775",
          RuntimeDirectoryPreserve: "yes",
          ExecStart: "/usr/sbin/pgbouncer /etc/pgbouncer/pgbouncer.ini",
          ExecReload: "/bin/kill -HUP $MAINPID",
          // SIGINT waits for transactions under way.
          KillSignal: "SIGINT",
          TimeoutStopSec: 10,
          Restart: "always",
          RestartSec: `${clock.restartDelay}ms`,
          LimitNOFILE: Math.max(65_536, 4 * pool.maxClients),
          OOMScoreAdjust: -900,
          ...hardened(),
        },
        Install: { WantedBy: "multi-user.target" },
      }),
    },
  ];
}
