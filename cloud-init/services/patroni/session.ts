/**
 * What a session of ours starts with, as superuser or as the database's owner, whatever the owner has set for his database or
 * himself (ALTER DATABASE ... SET, ALTER ROLE ... SET): a client's own options win over both. Without this, a superuser's
 * `count(*)` could be a function the owner made, and run as the superuser.
 *
 * It protects what a statement names. It does not protect from triggers, policies, defaults and expressions of a table that the
 * statement touches: so a superuser of ours touches none that users made, and reads them as their owner.
 */
const settings: Record<string, string> = {
  // Names, operators, casts and types mean PostgreSQL's own.
  search_path: "pg_catalog,pg_temp",
  // A table replaced by a view or a foreign table is an error, not somebody else's query.
  restrict_nonsystem_relation_kind: "view,foreign-table",
  role: "none",
  row_security: "on",
  session_replication_role: "origin",
  // Loaded at login; a library that is not there would refuse every session.
  local_preload_libraries: "",
  // A commit means what it means elsewhere in the cluster.
  synchronous_commit: "on",
  default_transaction_read_only: "off",
  default_transaction_isolation: "read committed",
  default_transaction_deferrable: "off",
  statement_timeout: "0",
  lock_timeout: "0",
  transaction_timeout: "0",
  idle_in_transaction_session_timeout: "0",
  idle_session_timeout: "0",
  exit_on_error: "off",
  // What is read and printed.
  standard_conforming_strings: "on",
  transform_null_equals: "off",
  client_encoding: "UTF8",
  client_min_messages: "warning",
  DateStyle: "ISO",
};

/** Those that only a superuser may set. */
const superuserOnly = new Set(["session_replication_role"]);

/** As the client's option `options`, or PGOPTIONS: there a backslash keeps a space or a backslash in a value. */
const options = (names: string[]) =>
  names.map((name) => `-c ${name}=${settings[name]!.replaceAll(/[\\ ]/g, "\\$&")}`).join(" ");

export const superuserOptions = options(Object.keys(settings));
export const ownerOptions = options(Object.keys(settings).filter((name) => !superuserOnly.has(name)));
/** For a session as the application's user: its names only; what else the owner has set is what the application gets. */
export const userOptions = options(["search_path"]);
