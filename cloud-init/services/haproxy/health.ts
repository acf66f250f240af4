import { ports } from "../../../settings/ports";
import type { Plan } from "../../../settings/plan";
import { maxconn } from "./limits";
import { checked, section } from "./section";

/**
 * What a load balancer in front of the proxies asks, in plain HTTP: whether whoever connects to a port would be served. `/write`:
 * somebody leads. `/read`: a replica is up, or else the leader, who then takes reads. `/pooled`: somebody leads and the PgBouncer
 * on this machine answers. `/pooledRead`: as `/read`, and its PgBouncer answers. 200: yes; 503: no.
 *
 * AWS says that its checks begin with the header of the PROXY protocol where connections do; others have seen checks on a port of
 * their own without it. So either is taken: the header begins with a carriage return, which no request does.
 */
export const healthChecks = (plan: Plan): string[] => [
  section("frontend health_door", [
    "no log",
    `bind :${ports.health}`,
    maxconn(plan, "healthDoor"),
    "timeout client 5s",
    "tcp-request inspect-delay 5s",
    "tcp-request content accept if { req.len gt 0 }",
    "tcp-request content reject",
    "use_backend health_named if { req.payload(0,1) -m bin 0D }",
    "default_backend health_plain",
  ]),
  section("backend health_plain", ["timeout server 5s", "server health abns@health"]),
  section("backend health_named", ["timeout server 5s", "server health abns@health-named"]),
  section("frontend health", [
    "mode http",
    "bind abns@health",
    "bind abns@health-named accept-proxy",
    maxconn(plan, "health"),
    "no log",
    "timeout client 5s",
    // After its start HAProxy takes every server for up; the name is what is not known yet.
    "acl led var(proc.leader) -m found",
    "acl reached nbsrv(leaders) gt 0",
    "http-request return status 200 if { path /write } led reached",
    "acl readable nbsrv(replicas) gt 0",
    "http-request return status 200 if { path /read } led reached || { path /read } readable",
    "acl pools nbsrv(pooler) gt 0",
    "http-request return status 200 if { path /pooled } led reached pools",
    "acl pools_reads nbsrv(pooler_read) gt 0",
    "http-request return status 200 if { path /pooledRead } led reached pools_reads || { path /pooledRead } readable pools_reads",
    "http-request return status 503",
  ]),
  pooler(plan, "pooler", ports.pooled),
  pooler(plan, "pooler_read", ports.pooledRead),
];

const pooler = ({ settings }: Plan, name: string, port: number): string =>
  section(`backend ${name}`, [
    "option tcp-check",
    // PostgreSQL's SSLRequest, and yes to it: the kernel accepts connections even for a PgBouncer that is frozen.
    "tcp-check send-binary 0000000804d2162f",
    "tcp-check expect string S",
    checked(settings.clock),
    `server pgbouncer 127.0.0.1:${port} check`,
  ]);
