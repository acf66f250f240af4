import { ports } from "../../../settings/ports";
import type { Node, Plan } from "../../../settings/plan";
import type { File } from "../../file";
import { programFile, programs } from "../../program";

/** What knows who may go next (`decide.py`, which has its rules in `judges.py`). */
export const decideProgram = `${programs}/decide.py`;

/**
 * Parameters that a standby may not have lower than its leader (PostgreSQL manual, 26.4.3), and their names in pg_controldata: when
 * one is lowered, the leader restarts first, and in place.
 */
export const notBelowLeader = {
  max_connections: "max_connections",
  max_worker_processes: "max_worker_processes",
  max_wal_senders: "max_wal_senders",
  max_prepared_transactions: "max_prepared_xacts",
  max_locks_per_transaction: "max_locks_per_xact",
};

/** The program, and what it is to know of the cluster. The guard brings the rest (`etcd_gateway.py`). */
export function decideFiles(plan: Plan, node: Node): File[] {
  const { clock, postgresql } = plan.settings;
  const config = {
    scope: plan.cluster,
    name: node.name,
    etcd: plan.etcd.map(({ address }) => `${address}:${ports.etcdClient}`),
    members: Object.fromEntries(plan.postgresql.map(({ name, address }) => [name, address])),
    synchronous: postgresql.synchronous === "quorum",
    ttl: clock.ttl,
    notBelowLeader,
  };
  return [
    programFile("patroni/decide.py"),
    programFile("patroni/judges.py", "0644"),
    {
      path: "/etc/pgha/decide.json",
      owner: "root:root",
      mode: "0644",
      content: `${JSON.stringify(config, null, 2)}\n`,
    },
  ];
}
