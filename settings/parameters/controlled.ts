/** Parameters that are not for a stack's settings, and where Patroni is narrower than PostgreSQL. */
import type { Parameter } from "./catalogue";

/**
 * Parameters this project or Patroni sets itself, in lower case, where another value would break replication, TLS or the checks; and
 * those that mean nothing in postgresql.conf.
 */
const managed = new Map(
  Object.entries({
    max_connections: "write it as pgha:postgresql.maxConnections",
    synchronous_standby_names: "Patroni sets it; choose with pgha:postgresql.synchronous",
    synchronous_commit: "a commit must wait for its standby; choose with pgha:postgresql.synchronous",
    fsync: "switching it off loses data",
    full_page_writes: "switching it off loses data",
    listen_addresses: "Patroni sets it",
    port: "it is 5432 on every node",
    data_directory: "Patroni sets it",
    config_file: "Patroni sets it",
    hba_file: "Patroni sets it",
    ident_file: "Patroni sets it",
    cluster_name: "Patroni sets it",
    primary_conninfo: "Patroni sets it",
    primary_slot_name: "Patroni sets it",
    password_encryption: "passwords are scram-sha-256",
    wal_level: "replication needs replica, which it is; write logical, or nothing",
    unix_socket_directories: "local tools look in /var/run/postgresql",
    hot_standby: "replicas serve reads",
    wal_log_hints: "pg_rewind needs it",
    recovery_min_apply_delay: "standbys serve reads, and take over at once",
    pre_auth_delay: "every login would wait for it",
    post_auth_delay: "every login would wait for it",
    bonjour: "Debian builds PostgreSQL without it",
    transaction_deferrable: "each transaction has its own; write default_transaction_deferrable",
    transaction_isolation: "each transaction has its own; write default_transaction_isolation",
    transaction_read_only: "each transaction has its own; write default_transaction_read_only",
  }),
);

/**
 * Why a parameter cannot be set; undefined when it can.
 * @param name in any case
 * @param value as text; it matters for `wal_level` only
 * @param of what the catalogue says of it
 */
export function unsettable(name: string, value: string, of: Parameter | undefined): string | undefined {
  const key = name.toLowerCase();
  // More than replication needs: for those who leave by logical replication.
  if (key === "wal_level" && value.toLowerCase() === "logical") return undefined;
  if (/^ssl/.test(key)) return "TLS is always on";
  if (/^recovery_target/.test(key)) return "a standby follows its leader to the end";
  if (of?.context === "internal") return "PostgreSQL only shows it; remove it";
  if (notPassedOn.has(key)) return "Patroni does not pass it on; remove it";
  return managed.get(key);
}

/** Parameters that Patroni 4.1 drops: in neither its own list nor that of `postgres --describe-config`. */
const notPassedOn = new Set(["composite_type_mismatch"]);

/**
 * The least that can be had, in the parameter's unit, where `pg_settings` says less. Under its own (postgresql/config.py,
 * `CMDLINE_OPTIONS`; postgresql/available_parameters) Patroni takes another value and says so in its log only; with less WAL than two
 * segments PostgreSQL does not start.
 */
export const least: Record<string, number> = {
  maintenance_work_mem: 1024,
  max_locks_per_transaction: 32,
  max_replication_slots: 4,
  max_wal_senders: 3,
  max_worker_processes: 2,
  wal_keep_size: 16,
  max_wal_size: 32,
  min_wal_size: 32,
};

/** Patroni's words for booleans (utils.py, `parse_bool`); it drops what is written by another one, as `t`. */
export const patroniBooleans = { yes: ["on", "true", "yes", "1"], no: ["off", "false", "no", "0"] };
