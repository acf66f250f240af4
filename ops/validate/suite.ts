/** The files of the validation suite, in the order they run. Those that disturb the cluster are left out by `--quick`. */
export const suite: { file: string; disturbs?: boolean }[] = [
  { file: "etcd" },
  { file: "patroni" },
  { file: "haproxy" },
  { file: "connectivity" },
  { file: "replication" },
  { file: "failover", disturbs: true },
  { file: "files" },
  { file: "commands" },
  { file: "security" },
  { file: "cloud" },
];
