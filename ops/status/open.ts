/** What a database node is asked of transactions that may be in the way. */
/** Seconds after which a transaction is told of by its age alone. */
const long = 60;
/** Transactions of a node that are told of, the oldest. */
const most = 10;
/** Seconds after which a session that idles in its transaction counts as forgotten: less is a round trip. */
const forgotten = 2;

/** Asks for both, as JSON. Never for a query: its text may hold what is secret. */
export const transactionQuestions = {
  open: `WITH waiting AS (
      SELECT DISTINCT pid, unnest(pg_blocking_pids(pid)) AS holder FROM (
        SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND clock_timestamp() - state_change > interval '1 s' LIMIT 100) w
    ) SELECT coalesce(json_agg(t), '[]') FROM (
      SELECT pid, usename AS role, datname AS database, host(client_addr) AS address, client_port AS port, state,
        round(extract(epoch FROM clock_timestamp() - xact_start)) AS seconds,
        round(extract(epoch FROM clock_timestamp() - state_change)) AS "stateSeconds",
        (SELECT count(*) FROM waiting WHERE holder = a.pid) AS "heldUp"
      FROM pg_stat_activity a WHERE backend_type = 'client backend' AND xact_start IS NOT NULL
        AND (clock_timestamp() - xact_start > interval '${long} s' OR pid IN (SELECT holder FROM waiting))
      ORDER BY xact_start LIMIT ${most}) t`,
  idle: `SELECT coalesce(json_agg(t), '[]') FROM (
      SELECT host(client_addr) AS address, client_port AS port FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND state LIKE 'idle in transaction%'
        AND clock_timestamp() - state_change > interval '${forgotten} s' LIMIT 1000) t`,
};
