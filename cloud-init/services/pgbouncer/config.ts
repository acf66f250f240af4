import { homes } from "../../../settings/homes";
import { poolSize, pooledLoginTime, strangers } from "../../../settings/limits";
import type { Node, Plan } from "../../../settings/plan";
import { ports } from "../../../settings/ports";
import { tls } from "../../../settings/tls";
import { header } from "../../file";
import { gateUser } from "../gate/files";
import { lookupDatabase, pgbouncerDatabases } from "./databases";
import { peersOf, type Pooler } from "./poolers";

/**
 * Parameters that PostgreSQL reports when they change, besides those PgBouncer follows in any case: what a client has set is set again
 * for its next transaction, whatever server connection that gets (PostgreSQL 17, guc_tables.c, `GUC_REPORT`). Drivers set sessions
 * read-only by `default_transaction_read_only`.
 */
const tracked = "IntervalStyle,default_transaction_read_only";

/** Its port at the HAProxy beside it. */
function wayIn(plan: Plan, { use, number }: Pooler): number {
  const all = homes(plan);
  return use === "pooled" ? ports.write : all[(number - 1) % all.length]!.port;
}

/** The configuration of one PgBouncer. Options after PgBouncer 1.24, doc/config.md. */
export function poolerConfig(plan: Plan, node: Node, pooler: Pooler): string {
  const { pool, clock } = plan.settings;
  const { id, peers } = peersOf(plan, node, pooler);
  const size = poolSize(pooler.use, plan.settings);
  const config = {
    databases: pgbouncerDatabases(plan, pooler.use, wayIn(plan, pooler)),
    peers,
    pgbouncer: {
      listen_addr: "*",
      listen_port: ports[pooler.use],
      // The kernel shares clients out among those that listen on one port. One that is alone is ready for others: a reload cannot
      // make it so.
      so_reuseport: 1,
      peer_id: id,
      unix_socket_dir: pooler.sockets,
      pidfile: `/run/pgbouncer/${pooler.unit}.pid`,
      auth_type: "hba",
      auth_hba_file: "/etc/pgbouncer/hba.conf",
      auth_file: "/etc/pgbouncer/userlist.txt",
      // At the console, beside PgBouncer's own OS user.
      admin_users: gateUser,
      // PgBouncer logs in by its certificate and looks the client's password verifier up (cloud-init/services/patroni/sql.ts).
      auth_user: "pgbouncer",
      auth_dbname: lookupDatabase,
      // For who is not there, or not any more, the function gives a row of nulls: PgBouncer calls that "bouncer config error" and lets
      // him not in. Without a row it would say "no such user", and go by the verifier that it remembers of him.
      auth_query: "SELECT name, verifier FROM pgha.lookup($1)",
      client_tls_sslmode: "require",
      client_tls_ca_file: tls.ca,
      client_tls_cert_file: tls.server,
      client_tls_key_file: tls.key,
      client_tls_protocols: "secure",
      // HAProxy passes TLS through: what is shown is a database node's certificate, whichever it is. All of theirs name 127.0.0.1.
      server_tls_sslmode: "verify-full",
      server_tls_ca_file: tls.ca,
      server_tls_cert_file: tls.client,
      server_tls_key_file: tls.key,
      server_tls_protocols: "secure",
      pool_mode: pool.mode,
      // Nothing of a client's session is left for the next: no SET, no role, lock, temporary table, LISTEN, and no statement that was
      // prepared before a table changed ("cached plan must not change result type").
      server_reset_query: "DISCARD ALL",
      server_reset_query_always: Number(pool.resetAlways),
      track_extra_parameters: tracked,
      max_client_conn: pool.maxClients + strangers,
      max_db_client_connections: pool.maxClients,
      client_login_timeout: pooledLoginTime,
      default_pool_size: size,
      max_db_connections: size,
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
      // JDBC sets it at connect; PostgreSQL has given floats exactly without it since version 12. Whatever else PgBouncer cannot keep
      // for a session, it refuses: what is asked for is in force, or the client is told.
      ignore_startup_parameters: "extra_float_digits",
      // Who came from where. How a login ended is logged when it failed.
      log_connections: 1,
      log_disconnections: 0,
      stats_period: 60,
    },
  };
  const ini = Object.entries(config).map(([section, entries]) =>
    [`[${section}]`, ...Object.entries(entries).map(([key, value]) => `${key} = ${value}`)].join("\n"),
  );
  return `${header(";")}${ini.join("\n\n")}\n`;
}
