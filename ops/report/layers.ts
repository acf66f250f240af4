import type { Layer } from "../drill/model";

/** Layers of the cluster from the clients down, by the names people know them by. */
export const layerNames: Record<Layer, string> = {
  drill: "drill",
  client: "clients",
  pgbouncer: "PgBouncer",
  haproxy: "HAProxy",
  postgresql: "PostgreSQL",
  patroni: "Patroni",
  etcd: "etcd",
};
