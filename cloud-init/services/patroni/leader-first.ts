/**
 * Parameters that a standby may not have lower than its leader (PostgreSQL manual, 26.4.3): when one is lowered, the leader restarts
 * first, and in place. `converge/postgresql.sh` has the same list.
 */
export const notBelowLeader = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
];
