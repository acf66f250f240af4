/** The checks of `pgha validate` that the project promises, group by group. More are welcome; these stay. */
export const promised: Record<string, number> = {
  "etcd health": 2,
  "Patroni cluster": 4,
  "REST API": 2,
  HAProxy: 3,
  "database connectivity": 3,
  "streaming replication": 2,
  "data integrity": 2,
  "failover capability": 2,
  "configuration files": 4,
  "operational commands": 4,
};
