import { ports } from "../../../settings/ports";
import type { Node, Plan } from "../../../settings/plan";
import { tls } from "../../../settings/tls";
import { maxconn } from "./limits";
import { checkTimeout, section } from "./section";

/**
 * Who leads: `GET http://127.0.0.1:8108/NODE` asks the node's Patroni and answers 200 when the node leads, else 503.
 *
 * The answer comes from `proc.leader`, which holds one name or none, so two nodes never lead at once, and a Patroni that is
 * silent (killed, frozen, slow) takes nothing away from a PostgreSQL that works. Only words change it:
 * - `/primary` is 200, PostgreSQL is a running primary, and its timeline is not older than the leader's: it leads from now on.
 *   A leader that was cut off and replaced may claim the role until its key expires; its timeline gives it away. When no leader
 *   is up the timeline does not matter: a cluster may be recreated behind its proxies.
 * - The leader says that it is not a primary, or that its PostgreSQL is starting or has ended: nobody leads.
 * - Everything else keeps what was. A Patroni that was just started answers 503 before its first round, although its PostgreSQL
 *   is a running primary; one that has lost the leader key demotes PostgreSQL soon or is replaced by another's 200. PostgreSQL
 *   that is `stopping` may still be letting transactions end, and `unknown` means that it did not answer Patroni in time.
 */
export const roleRelay = (plan: Plan): string[] => [
  section("frontend role", [
    "mode http",
    "no log",
    `bind 127.0.0.1:${ports.role}`,
    maxconn(plan, "role"),
    "use_backend role_%[path,field(2,/)]",
  ]),
  ...plan.postgresql.flatMap((node) => [roleOf(node, plan), readsOf(node, plan)]),
];

/** How long a Patroni may be silent until its replica gets no new reads, seconds: as long as nobody says that it keeps up. */
const silent = 30;

/** The condition that a node's Patroni has said so. */
export const saidLately = (name: string) => `date(),sub(proc.read_${name}) le ${silent}`;

/** What a backend that asks a node's Patroni needs. Connecting and answering together end before the check that asks: silence must not look like a failed check. */
function asking({ settings }: Plan): string[] {
  const limit = Math.floor(0.4 * checkTimeout(settings.clock));
  return [
    "mode http",
    "retries 0",
    `timeout connect ${limit}ms`,
    `timeout server ${limit}ms`,
    `http-response wait-for-body time ${limit}ms`,
    "http-response set-var(txn.role) res.body,json_query('$.role')",
    "http-response set-var(txn.state) res.body,json_query('$.state')",
    "acl alive var(txn.state) -m str running stopping restarting unknown",
  ];
}

const patroni = ({ name, address }: Node) =>
  `server patroni ${address}:${ports.patroni} ssl verify required ca-file ${tls.ca} verifyhost ${name}`;

/**
 * Whether a node may have reads: `GET http://127.0.0.1:8108/read_NODE` answers 200 when it is a replica that keeps up, 404 when it is
 * one that does not, whose sessions may go on, and else 503. Patroni takes a new certificate by starting its REST API again, for
 * which it waits until all that ask have gone. So here, too, silence takes nothing away: for a while, and after that no session. That
 * PostgreSQL itself is there, the check sees by connecting to it.
 */
function readsOf(node: Node, plan: Plan): string {
  const { name } = node;
  return section(`backend role_read_${name}`, [
    ...asking(plan),
    `http-request set-uri /replica?lag=${plan.settings.haproxy.maxReplicaLag}MB`,
    "acl replica var(txn.role) -m str replica",
    "acl said var(txn.role) -m found",
    `http-response set-var(proc.replica_${name}) bool(true) if replica alive`,
    `http-response unset-var(proc.replica_${name}) if said !replica || said !alive`,
    `http-response set-var(proc.read_${name}) date() if { status 200 }`,
    `http-response unset-var(proc.read_${name}) if said !{ status 200 }`,
    `acl follows var(proc.replica_${name}) -m found`,
    `acl lately ${saidLately(name)}`,
    "http-after-response set-status 503",
    "http-after-response set-status 404 if follows",
    "http-after-response set-status 200 if follows lately",
    patroni(node),
  ]);
}

function roleOf(node: Node, plan: Plan): string {
  const { name } = node;
  return section(`backend role_${name}`, [
    ...asking(plan),
    "http-request set-path /primary",
    "http-response set-var(txn.timeline) res.body,json_query('$.timeline','int')",
    "acl primary var(txn.role) -m str primary",
    "acl running var(txn.state) -m str running",
    // One name twice: either is enough.
    "acl newest var(txn.timeline),sub(proc.timeline) ge 0",
    "acl newest nbsrv(leaders) eq 0",
    `acl leads var(proc.leader) -m str ${name}`,
    "http-response set-var(proc.timeline) var(txn.timeline) if { status 200 } primary running newest",
    `http-response set-var(proc.leader) str(${name}) if { status 200 } primary running newest`,
    "http-response unset-var(proc.leader) if leads { var(txn.role) -m found } !primary || leads primary !alive",
    "http-after-response set-status 200 if leads",
    "http-after-response set-status 503 unless leads",
    patroni(node),
  ]);
}
