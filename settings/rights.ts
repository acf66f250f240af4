/**
 * What a machine of each role may do with its own key, and nobody else may: the list from which docs/rights.md is made, and of which
 * every cell is tried on real machines (test/integration/support/rights.ts). Who may connect at all is another list: `flows.ts`.
 */
import { roles, type Role } from "./roles";

/** What holds a right: the certificate alone, or only together with the address the connection comes from. */
export type Held = "nothing" | "certificate" | "certificate and address" | "password" | "SSH key of operators";

/** Something that can be done to a daemon, and the roles whose machines may. */
export interface Right {
  /** Short and stable. */
  id: string;
  /** The role on whose machines the daemon is. */
  on: Role;
  what: string;
  allowed: Role[];
  held: Held;
}

const right = (id: string, on: Role, what: string, allowed: Role[], held: Held): Right => ({
  id,
  on,
  what,
  allowed,
  held,
});

/** Every right there is between the machines of a cluster. */
export const rights: Right[] = [
  right("etcd-read", "etcd", "etcd: read keys", ["etcd", "postgresql"], "certificate"),
  right("etcd-write", "etcd", "etcd: write keys, take locks", ["etcd", "postgresql"], "certificate"),
  right("etcd-members", "etcd", "etcd: change its members", ["etcd", "postgresql"], "certificate"),
  right("etcd-peer", "etcd", "etcd: speak as a member (port 2380)", ["etcd"], "certificate"),
  right(
    "patroni-read",
    "postgresql",
    "Patroni: ask for state and configuration (etcd machines, too, where there are witnesses)",
    ["postgresql", "haproxy"],
    "nothing",
  ),
  right("patroni-config", "postgresql", "Patroni: change the configuration", ["postgresql"], "certificate and address"),
  right("patroni-restart", "postgresql", "Patroni: restart, reinitialize", ["postgresql"], "certificate and address"),
  right("patroni-switchover", "postgresql", "Patroni: switch over", ["postgresql"], "certificate and address"),
  right(
    "patroni-failsafe",
    "postgresql",
    "Patroni: agree that a leader goes on",
    ["postgresql"],
    "certificate and address",
  ),
  right("superuser", "postgresql", "PostgreSQL: superuser `postgres`", [], "certificate and address"),
  right("replicate", "postgresql", "PostgreSQL: replicate, as `replicator`", ["postgresql"], "certificate and address"),
  right(
    "rewind",
    "postgresql",
    "PostgreSQL: read files and positions, as `rewind_user`",
    ["postgresql"],
    "certificate and address",
  ),
  right(
    "lookup",
    "postgresql",
    "PostgreSQL: look verifiers up, take turns, as `pgbouncer`",
    ["haproxy"],
    "certificate and address",
  ),
  right("gate-state", "haproxy", "gate: ask for its state", ["postgresql"], "certificate and address"),
  right("gate-pause", "haproxy", "gate: pause the pool, name a leader", ["postgresql"], "certificate and address"),
  right("console", "haproxy", "PgBouncer: its console", [], "password"),
  right("stats", "haproxy", "HAProxy: stats page", [], "password"),
  right("ssh-etcd", "etcd", "SSH", [], "SSH key of operators"),
  right("ssh-postgresql", "postgresql", "SSH", [], "SSH key of operators"),
  right("ssh-haproxy", "haproxy", "SSH", [], "SSH key of operators"),
];

/** The table of docs/rights.md, line by line. */
export function rightsTable(): string[] {
  const cell = ({ allowed }: Right, role: Role) => (allowed.includes(role) ? "yes" : "refused");
  return [
    `| on a machine of | what | ${roles.join(" | ")} | held by |`,
    `|${"---|".repeat(roles.length + 3)}`,
    ...rights.map(
      (one) => `| ${one.on} | ${one.what} | ${roles.map((role) => cell(one, role)).join(" | ")} | ${one.held} |`,
    ),
  ];
}
