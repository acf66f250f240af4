import { homes } from "../../../settings/homes";
import { serverConnections } from "../../../settings/limits";
import { ports } from "../../../settings/ports";
import type { Plan } from "../../../settings/plan";
import type { Settings } from "../../../settings/schema";
import { doors } from "./balanced";
import { maxconn, speaksFirst } from "./limits";
import { saidLately } from "./role";
import { checked, checkedByRelay, section } from "./section";

/** Where reads go when no replica keeps up. */
const otherwiseLeader = "use_backend primary if { nbsrv(replicas) eq 0 }";

/**
 * Which replica a client gets. By its address, and so the same one on every proxy and after a reload, without a table that they would
 * have to share: a cancel comes on a connection of its own, in TLS, and is of use only where its session is. Points enough for every
 * server that each gets its part (measured: 45 to 53 of 250 addresses with five servers, 26 to 71 by `balance source`).
 */
const balance: Record<Settings["haproxy"]["readAffinity"], string[]> = {
  client: ["balance hash var(txn.client)", "hash-type consistent sdbm avalanche", "default-server weight 100"],
  none: ["balance leastconn"],
};

/**
 * Who a client is. Incus has the machine of a proxy itself connect to it for whoever comes by the host's port: those are one client,
 * whichever proxy they come by.
 */
const client = ({ settings }: Plan): string[] => [
  "tcp-request content set-var(txn.client) src",
  ...(settings.driver === "incus"
    ? [`tcp-request content set-var(txn.client) ipv4(127.0.0.1) if { src ${settings.network.cidr} }`]
    : []),
];

/**
 * Reads: replicas that keep up; the leader when none is left. `replicas` is for clients; `homes` follows it, for the PgBouncer on this
 * machine, which has places at each replica of its own.
 */
export const readPath = (plan: Plan): string[] => [
  section("frontend read", [
    ...doors(plan, ports.read, ports.balancedRead),
    maxconn(plan, "read"),
    ...speaksFirst,
    ...client(plan),
    otherwiseLeader,
    "default_backend replicas",
  ]),
  section("backend replicas", [
    ...balance[plan.settings.haproxy.readAffinity],
    ...checkedByRelay("read_%[srv_name]", "(200|404)", "is no replica"),
    // It gets no new sessions, and keeps those that it has.
    'tcp-check expect rstring "^HTTP/1.. 200" error-status L7OKC on-error "does not keep up"',
    `${checked(plan.settings.clock)} maxconn ${serverConnections(plan.settings).read}`,
    ...plan.postgresql.map(({ name, address }) => `server ${name} ${address}:${ports.postgresql} check`),
  ]),
  section("frontend homes", [
    ...homes(plan).map(({ port }) => `bind 127.0.0.1:${port}`),
    maxconn(plan, "homes"),
    otherwiseLeader,
    "default_backend homes",
  ]),
  section("backend homes", [
    // Who has neither of his own goes where his home's others do: a cancel must find its session.
    "balance hash dst_port",
    "hash-type consistent",
    // A rule whose server is down is passed over by itself, one whose server lags is not.
    ...homes(plan).flatMap(({ port, nodes }) =>
      nodes.map(({ name }) => `use-server ${name} if { dst_port ${port} } { ${saidLately(name)} }`),
    ),
    ...plan.postgresql.map(
      ({ name, address }) => `server ${name} ${address}:${ports.postgresql} track replicas/${name}`,
    ),
  ]),
];
