import { ports, type Plan } from "../../components/plan";
import { checked, section } from "./section";

/**
 * What a load balancer in front of the proxies asks, in plain HTTP: whether whoever connects to a port would be served. `/write`:
 * somebody leads. `/read`: a replica is up, or else the leader, who then takes reads. `/pooled`: somebody leads and the PgBouncer
 * on this machine answers. 200: yes; 503: no.
 */
export const healthChecks = (plan: Plan): string[] => [
  section("frontend health", [
    "mode http",
    `bind :${ports.health}`,
    "timeout client 5s",
    // After its start HAProxy takes every server for up; the name is what is not known yet.
    "acl led var(proc.leader) -m found",
    "acl reached nbsrv(leaders) gt 0",
    "http-request return status 200 if { path /write } led reached",
    "http-request return status 200 if { path /read } led reached || { path /read } { nbsrv(replicas) gt 0 }",
    "http-request return status 200 if { path /pooled } led reached { nbsrv(pooler) gt 0 }",
    "http-request return status 503",
  ]),
  section("backend pooler", [
    "option tcp-check",
    // PostgreSQL's SSLRequest, and yes to it: the kernel accepts connections even for a PgBouncer that is frozen.
    "tcp-check send-binary 0000000804d2162f",
    "tcp-check expect string S",
    checked(plan.settings.clock),
    `server pgbouncer 127.0.0.1:${ports.pooled} check`,
  ]),
];
