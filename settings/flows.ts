/**
 * Which machine talks to which, on which port, and why: one list for every driver. The packet filter of each machine is made from
 * it (`cloud-init/firewall.ts`), and on AWS the security groups, too (`aws/flows.ts`). No machine can do what is not in it.
 */
import { hasWitness } from "./clocks";
import { ports } from "./ports";
import { roles, type Role } from "./roles";
import type { Settings } from "./schema";

/** Who opens a connection: the machines of a role, or whoever is none of the cluster's machines. */
export type Source = Role | "outside";

/** One kind of connection to the machines of a role. TCP, all of them. */
export interface MachineFlow<From extends Source = Source> {
  from: From;
  to: Role;
  port: number;
  why: string;
}

/** Connections among the cluster's machines. */
export function machineFlows({ clock }: Pick<Settings, "clock">): MachineFlow<Role>[] {
  const flow = (from: Role, to: Role, port: number, why: string) => ({ from, to, port, why });
  const witnessed = hasWitness(clock);
  return [
    flow("etcd", "etcd", ports.etcdPeer, "members of etcd replicate"),
    ...(["etcd", "postgresql"] as const).map((role) =>
      flow(role, "etcd", ports.etcdClient, "leader key; nodes take turns"),
    ),
    flow("postgresql", "postgresql", ports.postgresql, "replication and pg_rewind"),
    flow("postgresql", "postgresql", ports.patroni, "Patroni asks the others before a failover"),
    flow("haproxy", "postgresql", ports.postgresql, "sessions of clients"),
    flow("haproxy", "postgresql", ports.patroni, "health checks: who leads"),
    ...(witnessed ? [flow("etcd", "postgresql", ports.postgresql, "witnesses look for a sign of life")] : []),
    ...(witnessed ? [flow("etcd", "postgresql", ports.patroni, "witnesses look for a sign of life")] : []),
    flow("postgresql", "haproxy", ports.gate, "pools pause for a planned switchover"),
    ...[ports.pooled, ports.pooledRead].map((port) =>
      flow("haproxy", "haproxy", port, "cancels of clients that came to another proxy than their sessions"),
    ),
  ];
}

/** Connections of clients, operators and a load balancer, none of which is one of the cluster's machines. */
const outsideFlows = ({ driver }: Pick<Settings, "driver">): MachineFlow[] => [
  ...roles.map((to): MachineFlow => ({ from: "outside", to, port: ports.ssh, why: "operators and the converge step" })),
  ...(["write", "read", "pooled", "pooledRead", "stats"] as const).map((use): MachineFlow => ({
    from: "outside",
    to: "haproxy",
    port: ports[use],
    why: use,
  })),
  ...(driver === "aws"
    ? [
        ...(["balancedWrite", "balancedRead", "balancedPooled", "balancedPooledRead"] as const).map(
          (use): MachineFlow => ({
            from: "outside",
            to: "haproxy",
            port: ports[use],
            why: "clients of the load balancer",
          }),
        ),
        { from: "outside", to: "haproxy", port: ports.health, why: "health checks of the load balancer" } as const,
      ]
    : []),
];

/** Everything that the machines of a role accept, from whom. */
export const accepted = (settings: Pick<Settings, "clock" | "driver">, role: Role): MachineFlow[] =>
  [...machineFlows(settings), ...outsideFlows(settings)].filter(({ to }) => to === role);
