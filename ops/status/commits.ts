/** A setting, by ALTER DATABASE or ALTER ROLE, by which commits are acknowledged earlier than the cluster promises. */
export interface EarlyCommits {
  /** Whose sessions; null: everybody's. */
  role: string | null;
  /** In which database; null: in all. */
  database: string | null;
  /** `off`, `local`, ... */
  synchronousCommit: string;
}

/** Asks for every `synchronous_commit` that is set for the users' database or in general, as JSON. */
export const commitSettings = (database: string) => `SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT rolname AS role, datname AS database, lower(split_part(setting, '=', 2)) AS "synchronousCommit"
  FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS setting
    LEFT JOIN pg_roles ON pg_roles.oid = setrole LEFT JOIN pg_database ON pg_database.oid = setdatabase
  WHERE starts_with(setting, 'synchronous_commit=') AND (setdatabase = 0 OR datname = '${database}') ORDER BY 1, 2) t`;

const no = ["off", "false", "no", "0"];
const waits = ["on", "true", "yes", "1", "remote_apply"];

/** Those that break the promise: with standbys that confirm, one of them has a commit; without, the leader's disk has it. */
export const earlyCommits = (settings: EarlyCommits[], synchronous: "quorum" | "off") =>
  settings.filter(({ synchronousCommit: value }) =>
    synchronous === "quorum" ? !waits.includes(value) : no.includes(value),
  );

/** One line of warning. */
export function earlyWarning({ role, database, synchronousCommit }: EarlyCommits): string {
  const where = database === null ? "" : ` IN DATABASE ${database}`;
  const undo = role === null ? (database === null ? "ROLE ALL" : `DATABASE ${database}`) : `ROLE ${role}${where}`;
  return (
    `sessions of ${role ?? "everybody"}${where.toLowerCase()} have synchronous_commit ${synchronousCommit}: a failover may lose what they ` +
    `committed; \`ALTER ${undo} RESET synchronous_commit\` ends it`
  );
}
