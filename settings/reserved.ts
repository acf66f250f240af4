/** Names of databases, roles and schemas that are taken. */

/**
 * Names that mean something else: to this project, in pg_hba.conf, or as SQL keywords that need quotes (PostgreSQL manual,
 * appendix "SQL Key Words", those reserved in PostgreSQL).
 */
const reservedNames = new Set(
  (
    "postgres template0 template1 replicator rewind_user pgbouncer all replication sameuser samerole samegroup none " +
    "analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column " +
    "concurrently constraint create cross current_catalog current_date current_role current_schema current_time " +
    "current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze " +
    "from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit " +
    "localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary public " +
    "references returning right select session_user similar some symmetric system_user table tablesample then to " +
    "trailing true union unique user using variadic verbose when where window with"
  ).split(" "),
);

/** Why a name is not to be had; undefined when it is. */
export const reservedFault = (name: string): string | undefined =>
  reservedNames.has(name) || name.startsWith("pg_") || name.startsWith("pgha") || name === "information_schema"
    ? `'${name}' is reserved; write another name`
    : undefined;
