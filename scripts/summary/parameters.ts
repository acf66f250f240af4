/** Which of PostgreSQL's parameters a running server takes up, and which need a restart. */
import { notBelowLeader } from "../../cloud-init/leader-first";

/**
 * Parameters with the context `postmaster` in pg_settings: PostgreSQL 15's own list (`postgres --describe-config`) and those
 * that 16 and 17 have added. What is fixed by the project or belongs to a recovery is left out.
 */
const restarts = new Set(
  `archive_mode autovacuum_freeze_max_age autovacuum_max_workers autovacuum_multixact_freeze_max_age cluster_name
  commit_timestamp_buffers data_sync_retry debug_io_direct dynamic_shared_memory_type event_source external_pid_file
  hot_standby huge_page_size huge_pages jit_provider listen_addresses logging_collector max_connections
  max_files_per_process max_locks_per_transaction max_logical_replication_workers max_notify_queue_pages
  max_pred_locks_per_transaction max_prepared_transactions max_replication_slots max_wal_senders max_worker_processes
  min_dynamic_shared_memory multixact_member_buffers multixact_offset_buffers notify_buffers old_snapshot_threshold
  reserved_connections serializable_buffers shared_buffers shared_memory_type shared_preload_libraries
  subtransaction_buffers superuser_reserved_connections track_activity_query_size track_commit_timestamp
  transaction_buffers unix_socket_directories wal_buffers wal_decode_buffer_size wal_level wal_log_hints`.split(/\s+/),
);

export interface ParameterChange {
  /** Parameters that differ. */
  changed: string[];
  /** Those among them that PostgreSQL takes up at a restart only. */
  restart: string[];
  /** Those of an extension: only the server knows. */
  unsure: string[];
  /** Whether the leader must restart first, and in place. */
  leaderFirst: boolean;
}

/** Compares the cluster-wide configuration of Patroni (`dynamic.json`, JSON). */
export function parameterChange(before: string, after: string): ParameterChange {
  const [old, now] = [parametersOf(before), parametersOf(after)];
  const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((name) => old[name] !== now[name])
    .sort();
  return {
    changed,
    restart: changed.filter((name) => restarts.has(name)),
    unsure: changed.filter((name) => name.includes(".")),
    leaderFirst: notBelowLeader.some((name) => Number(now[name]) < Number(old[name])),
  };
}

function parametersOf(json: string): Record<string, string> {
  const { postgresql } = JSON.parse(json) as { postgresql?: { parameters?: Record<string, unknown> } };
  return Object.fromEntries(Object.entries(postgresql?.parameters ?? {}).map(([name, value]) => [name, String(value)]));
}
