import { databasesOf } from "../../../settings/databases";
import { withExtensions } from "../../../settings/extensions";
import type { Settings } from "../../../settings/schema";
import { tls } from "../../../settings/tls";

/**
 * Parameters of PostgreSQL that run a command, load code, or say whom to trust and where to write, with PostgreSQL's defaults where
 * nothing else is said (manual, "Server Configuration"; pg_settings of version 17). They stand in each node's own file too,
 * which wins over what Patroni keeps in etcd (patroni/config.py, `_build_effective_configuration`): who can write there shall
 * not run commands here by that.
 */
const pinnedParameters = (dataDirectory: string) => ({
  // Commands.
  archive_mode: "off",
  archive_command: "",
  archive_cleanup_command: "",
  restore_command: "",
  recovery_end_command: "",
  ssl_passphrase_command: "",
  // Libraries.
  archive_library: "",
  shared_preload_libraries: "",
  session_preload_libraries: "",
  local_preload_libraries: "",
  dynamic_library_path: "$libdir",
  jit_provider: "llvmjit",
  // Files: whose content decides who gets in, and that are written with what clients send.
  hba_file: `${dataDirectory}/pg_hba.conf`,
  ident_file: `${dataDirectory}/pg_ident.conf`,
  external_pid_file: "",
  logging_collector: "off",
  log_directory: "log",
  log_filename: "postgresql-%Y-%m-%d_%H%M%S.log",
  unix_socket_directories: "/var/run/postgresql",
  // Identity, and what is asked of clients.
  ssl: "on",
  ssl_ca_file: tls.clients,
  ssl_cert_file: tls.server,
  ssl_key_file: tls.key,
  ssl_min_protocol_version: "TLSv1.2",
  password_encryption: "scram-sha-256",
});

/** The pinned parameters of a stack: what its settings say of one of them is pinned instead. */
export function pinned(settings: Settings, dataDirectory: string): Record<string, unknown> {
  const defaults = pinnedParameters(dataDirectory);
  const given = Object.entries(withExtensions(settings.postgresql.parameters, databasesOf(settings))).filter(
    ([name]) => name.toLowerCase() in defaults,
  );
  return { ...defaults, ...Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), value])) };
}

/**
 * The same for Patroni's own settings of PostgreSQL (its documentation, "YAML Configuration", `postgresql`). An entry here hides
 * the one in etcd, whatever is in it. What cannot be hidden is `standby_cluster`, which Patroni reads from etcd only: docs/rights.md.
 */
export const pinnedByPatroni = {
  callbacks: {},
  before_stop: "",
  create_replica_methods: ["basebackup"],
  basebackup: [{ checkpoint: "fast" }],
  bin_name: {},
  config_base_name: "postgresql",
  recovery_conf: {},
  database: "postgres",
};
