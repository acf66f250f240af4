import { homes } from "../../../settings/homes";
import { serverConnections } from "../../../settings/limits";
import { ports } from "../../../settings/ports";
import type { Plan } from "../../../settings/plan";
import { doors } from "./balanced";
import { maxconn, speaksFirst } from "./limits";
import { checked, checkedByRelay, cutWhenDown, section } from "./section";

/** Where reads go when no replica keeps up. */
const otherwiseLeader = "use_backend primary if { nbsrv(replicas) eq 0 }";

/**
 * Reads: replicas that keep up; the leader when none is left. `replicas` is for clients; `homes` follows it, for the PgBouncer on this
 * machine, which has places at each replica of its own.
 */
export const readPath = (plan: Plan): string[] => [
  section("frontend read", [
    ...doors(plan, ports.read, ports.balancedRead),
    maxconn(plan, "read"),
    ...speaksFirst,
    otherwiseLeader,
    "default_backend replicas",
  ]),
  section("backend replicas", [
    "balance leastconn",
    ...checkedByRelay("read_%[srv_name]", "is no replica that keeps up"),
    `${checked(plan.settings.clock)} maxconn ${serverConnections(plan.settings).read}`,
    ...plan.postgresql.map(({ name, address }) => `server ${name} ${address}:${ports.postgresql} check`),
  ]),
  section("frontend homes", [
    // PgBouncer logs whose its sessions are.
    "no log",
    ...homes(plan).map(({ port }) => `bind 127.0.0.1:${port}`),
    maxconn(plan, "homes"),
    otherwiseLeader,
    "default_backend homes",
  ]),
  section("backend homes", [
    // Who has neither of his own goes where his home's others do: a cancel must find its session.
    "balance hash dst_port",
    "hash-type consistent",
    `default-server ${cutWhenDown}`,
    // A rule whose server is down is passed over.
    ...homes(plan).flatMap(({ port, nodes }) => nodes.map(({ name }) => `use-server ${name} if { dst_port ${port} }`)),
    ...plan.postgresql.map(
      ({ name, address }) => `server ${name} ${address}:${ports.postgresql} track replicas/${name}`,
    ),
  ]),
];
