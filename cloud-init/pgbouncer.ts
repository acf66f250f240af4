import { ports, type Plan } from "../components/plan";
import { header, unit, type File } from "./file";
import { tls } from "./tls";

/** PgBouncer's configuration. Options after PgBouncer 1.24, doc/config.md. */
export function pgbouncerFiles(plan: Plan): File[] {
  const { pool, database, clock } = plan.settings;
  const config = {
    databases: {
      // Through the HAProxy beside it: who leads is HAProxy's business.
      [database.name]: `host=127.0.0.1 port=${ports.write} dbname=${database.name}`,
    },
    pgbouncer: {
      listen_addr: "*",
      listen_port: ports.pooled,
      unix_socket_dir: "/var/run/postgresql",
      pidfile: "/run/pgbouncer/pgbouncer.pid",
      auth_type: "hba",
      auth_hba_file: "/etc/pgbouncer/hba.conf",
      auth_file: "/etc/pgbouncer/userlist.txt",
      // PgBouncer logs in by its certificate and looks the client's password verifier up (cloud-init/sql.ts).
      auth_user: "pgbouncer",
      auth_dbname: database.name,
      auth_query: "SELECT name, verifier FROM pgha.lookup($1)",
      client_tls_sslmode: "require",
      client_tls_ca_file: tls.ca,
      client_tls_cert_file: tls.cert,
      client_tls_key_file: tls.key,
      client_tls_protocols: "secure",
      // HAProxy passes TLS through, so the name in the certificate is the leader's, whoever it is: the CA is what is checked.
      server_tls_sslmode: "verify-ca",
      server_tls_ca_file: tls.ca,
      server_tls_cert_file: tls.cert,
      server_tls_key_file: tls.key,
      server_tls_protocols: "secure",
      pool_mode: pool.mode,
      max_client_conn: pool.maxClients,
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
      log_connections: 0,
      log_disconnections: 0,
      stats_period: 60,
    },
  };
  const ini = Object.entries(config).map(([section, entries]) =>
    [`[${section}]`, ...Object.entries(entries).map(([key, value]) => `${key} = ${value}`)].join("\n"),
  );
  const hba = ["local pgbouncer pgbouncer peer", "local all all reject", "hostssl all all all scram-sha-256"];
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
    // PgBouncer wants its lookup user listed; it logs in by certificate, so there is no password.
    { path: "/etc/pgbouncer/userlist.txt", owner: "root:postgres", mode: "0640", content: '"pgbouncer" ""\n' },
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
        },
        Install: { WantedBy: "multi-user.target" },
      }),
    },
  ];
}
