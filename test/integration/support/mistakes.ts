/** The table of mistakes: what owners write into their settings or do to their nodes, and what must come of it. */
import { program } from "../../../cloud-init/program";

type Edit = Record<string, unknown>;

const nodes = { etcd: 3, postgresql: 3, haproxy: 1 };
const ports = { write: 18500, read: 18501, stats: 18700, pooled: 18632, pooledRead: 18732 };

/** What the cluster of the test is made with. */
export const settings: Edit = {
  driver: "incus",
  name: "pgha-mistakes",
  nodes,
  network: { cidr: "10.95.0.0/24" },
  ports,
};

/** What puts an edit right. */
export const undone = (edit: Edit): Edit =>
  Object.fromEntries(Object.keys(edit).map((key) => [key, settings[key] ?? (key === "clock" ? "fast" : undefined)]));

const parameters = (given: Edit): Edit => ({ postgresql: { parameters: given } });

/** Edits that `up` refuses before anything is changed, with what it must say. */
export const refused: [Edit, ...RegExp[]][] = [
  [{ driver: "incsu" }, /pgha:driver must be one of: incus, aws/],
  [{ name: "pgha-mistake2" }, /pgha:name .* pgha-mistakes to pgha-mistake2/],
  [{ network: { cidr: "10.96.0.0/24" } }, /network\.cidr .* 10\.95\.0\.0\/24 to 10\.96/],
  [{ network: { cidr: "10.95.0.0/30" } }, /network\.cidr has no room for every node/],
  [{ network: { cidr: "10.95.0.0" } }, /network\.cidr .* not an IPv4 network/],
  [{ database: { name: "other" } }, /database\.name .* app to other/, /empty database/],
  [{ database: { user: "other" } }, /database\.user .* app to other/],
  [{ database: { owner: "postgres" } }, /database\.owner 'postgres' is reserved/],
  [{ nodes: { ...nodes, etcd: 4 } }, /pgha:nodes\.etcd is 4/],
  [{ nodes: { ...nodes, postgresql: 1 } }, /nodes\.postgresql must be 2 or more/],
  [{ nodes: { ...nodes, haproxy: 0 } }, /nodes\.haproxy must be 1 or more/],
  [{ nodes: "three" }, /pgha:nodes must be a section/],
  [{ clock: "quick" }, /pgha:clock/],
  [{ clock: { ttl: 10 } }, /clock\.ttl is 10 s/],
  [{ certificates: { validityDays: 10, renewDays: 20 } }, /certificates\.renewDays is 20/],
  [{ machines: { postgresql: { memory: "2GB" } } }, /machines\.postgresql\.memory must be a whole number/],
  [{ machines: { etcd: { memory: 64 } } }, /machines\.etcd\.memory must be 192 or more/],
  [{ pool: { size: 500 } }, /pool\.size is 500, .* write 187 or less/],
  [{ ports: { ...ports, read: 18500 } }, /ports\.read .* port 18500, which is also write/],
  [{ haproxy: { maxReplicaLg: 16 } }, /haproxy\.maxReplicaLg is not a setting; known here: .*maxReplicaLag/],
  [{ aws: { zones: ["eu-central-1a"] } }, /pgha:aws/],
  [{ postgresql: { synchronous: "all" } }, /postgresql\.synchronous must be one of/],
  [{ postgresql: { maxConnections: 10 } }, /maxConnections must be 20 or more/],
  [
    parameters({
      shared_preload_libraries: "pg_stat_statments",
      log_min_duration: "1s",
      work_mem: "64 MiB",
      timezone: "Mars/Phobos",
    }),
    ...[/pg_stat_statments/, /log_min_duration_statement/, /work_mem/, /Mars\/Phobos/],
  ],
  [parameters({ max_connections: 50 }), /write it as pgha:postgresql\.maxConnections/],
  [parameters({ shared_buffers: "64GB" }), /shared_buffers is 65536 MiB of the 1024 MiB/],
  [parameters({ wal_level: "minimal" }), /wal_level cannot be set/],
  [parameters({ fsync: "off" }), /fsync cannot be set: switching it off loses data/],
];

/** Edits that no table of parameters knows to be wrong: a trial on each node does. Nothing is changed. */
export const tried: [Edit, RegExp][] = [
  [parameters({ huge_pages: "on" }), /FATAL: {2}could not map anonymous shared memory/],
  [parameters({ shared_preload_libraries: "/nowhere/x.so" }), /FATAL: {2}could not access file "\/nowhere\/x\.so"/],
  [parameters({ session_preload_libraries: "/nowhere/y.so" }), /FATAL: {2}could not access file "\/nowhere\/y\.so"/],
];

/** Edits whose fault only shows at the restart: the first node is put back, and no other is touched. */
export const putBack: [Edit, RegExp][] = [
  [
    parameters({ logging_collector: "on", log_directory: "/nowhere" }),
    /did not come back .* no other node was restarted\. It said: FATAL: {2}could not open log file "\/nowhere/,
  ],
];

/** Things done by hand to a node, what `status` says of them, and how it is seen that they are undone. None of them cuts a client. */
export const byHand: { on: string; deed: string; said: string; healed: string }[] = [
  {
    on: "etcd2",
    deed: "echo '# edited' >>/etc/etcd/etcd.yml",
    said: "/etc/etcd/etcd.yml has been changed",
    healed: "! grep edited /etc/etcd/etcd.yml",
  },
  {
    on: "etcd3",
    deed: "chmod 0666 /etc/etcd/etcd.yml",
    said: "/etc/etcd/etcd.yml has been changed",
    healed: "[ $(stat -c %a /etc/etcd/etcd.yml) = 640 ]",
  },
  {
    on: "postgresql1",
    deed: "nft delete table inet pgha",
    said: "the packet filter is not loaded",
    healed: "nft list table inet pgha",
  },
  {
    on: "postgresql2",
    deed: "systemctl stop pgha-guard",
    said: "pgha-guard does not run (inactive)",
    healed: "systemctl is-active pgha-guard",
  },
  {
    on: "postgresql3",
    deed: "rm /etc/pgha/guard.json",
    said: "/etc/pgha/guard.json is missing",
    healed: "[ -s /etc/pgha/guard.json ]",
  },
  {
    on: "haproxy1",
    deed: "systemctl disable --now pgha-gate",
    said: "pgha-gate does not run (inactive)",
    healed: "systemctl is-enabled pgha-gate",
  },
  {
    on: "haproxy1",
    deed: "rm /etc/ssh/sshd_config.d/20-pgha-limits.conf",
    said: "/etc/ssh/sshd_config.d/20-pgha-limits.conf is missing",
    healed: "[ -s /etc/ssh/sshd_config.d/20-pgha-limits.conf ]",
  },
];

/** Edits of PgBouncer's configuration, by sed, that no setting makes today, and what PgBouncer says to them. */
export const refusedByPgbouncer: [string, RegExp][] = [
  ["s/^default_pool_size/default_pool_sice/", /^ERROR unknown parameter: pgbouncer\/default_pool_sice$/m],
  ["s/^max_client_conn = .*/max_client_conn = many/", /^ERROR invalid value "many" for parameter max_client_conn /m],
  ["s/^client_tls_key_file = .*/client_tls_key_file = x/", /^ERROR TLS setup failed: failed to load private key/m],
];

/** What a proxy's converge step does about a PgBouncer whose configuration is edited so. It prints what is said against it. */
export const pgbouncerTried = (edit: string): string => `
  declare -a reactions=()
  NODE=haproxy1 POOLERS="pgbouncer:/var/run/postgresql:6432"
  ${program("converge/common.sh")}
  ${program("converge/poolers.sh")}
  for file in /etc/pgbouncer/* /etc/pgha/tls/*; do stage_file "$file" root:postgres 0640 <"$file"; done
  sed -i '${edit}' "$stage/etc/pgbouncer/pgbouncer.ini"
  (check_poolers "$(stage_for_check)") 2>&1 || true
  ps -C pgbouncer -o args= | grep pgha-stage || true`;
