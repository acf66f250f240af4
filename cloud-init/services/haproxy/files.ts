import { ports } from "../../../settings/ports";
import type { Plan } from "../../../settings/plan";
import { header, unit, type File } from "../../file";
import { balancedPools } from "./balanced";
import { hardened } from "../../hardening";
import { healthChecks } from "./health";
import { maxconn, total, waiting } from "./limits";
import { oldWorkerProgram, oldWorkers } from "./old-workers";
import { readPath } from "./read";
import { roleRelay } from "./role";
import { checkTimeout, clientLine, section } from "./section";
import { holdProgram, writeGlobals, writePath } from "./write";
import { programFile, programs } from "../../program";
import { tls } from "../../../settings/tls";

/** The program that ends sessions of servers that are down. */
const cutProgram = "cut.lua";

/** HAProxy's configuration. Options after the HAProxy 3.0 configuration manual. */
export function haproxyFiles(plan: Plan): File[] {
  const { clock } = plan.settings;
  return [
    { path: "/etc/haproxy/haproxy.cfg", owner: "root:root", mode: "0644", content: haproxyConfig(plan) },
    ...(clock.hold > 0 ? [programFile(`haproxy/${holdProgram}`, "0644")] : []),
    ...[cutProgram, oldWorkerProgram].map((name) => programFile(`haproxy/${name}`, "0644")),
    {
      path: "/etc/systemd/system/haproxy.service.d/pgha.conf",
      owner: "root:root",
      mode: "0644",
      content: unit({
        Unit: { StartLimitIntervalSec: 0 },
        Service: {
          // As its own user from the start: no port of ours needs root. Its master process, too, then has no rights.
          User: "haproxy",
          Group: "haproxy",
          RuntimeDirectory: "haproxy",
          RuntimeDirectoryMode: "0750",
          // CONFIG is the folder: haproxy.cfg, then secrets.cfg with the password of the stats page.
          Environment:
            '"CONFIG=/etc/haproxy" "PIDFILE=/run/haproxy/haproxy.pid" "EXTRAOPTS=-S /run/haproxy/master.sock"',
          Restart: "always",
          RestartSec: `${clock.restartDelay}ms`,
          OOMScoreAdjust: -900,
          // PCRE2 compiles the regular expressions of its configuration.
          ...hardened({ compiles: true }),
        },
      }),
    },
  ];
}

/** The password of the stats page, apart from the rest so that diffs of the configuration stay readable. */
export function haproxySecrets(statsPassword: string): File {
  return {
    path: "/etc/haproxy/secrets.cfg",
    owner: "root:haproxy",
    mode: "0640",
    content: `userlist operators\n  user pgha insecure-password ${statsPassword}\n`,
  };
}

function haproxyConfig(plan: Plan): string {
  const { clock } = plan.settings;
  const keepalive = Math.max(1, Math.ceil(clock.peerTimeout / 2000));
  const global = section("global", [
    "log stderr format raw local0 info",
    "user haproxy",
    "group haproxy",
    "stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners",
    "stats timeout 30s",
    // Each frontend has a limit of its own, so a crowd at one takes nothing from the others, least of all from the relay.
    `maxconn ${total(plan)}`,
    "ssl-default-bind-options ssl-min-ver TLSv1.2",
    "ssl-default-server-options ssl-min-ver TLSv1.2",
    // Nobody is on his way to a server any more when it has been down for this long.
    `lua-load ${programs}/${cutProgram} ${clock.connectTimeout + 100}`,
    ...oldWorkers(plan),
    // After a start or a reload, ask at once who leads, not at some time within the interval.
    "max-spread-checks 50ms",
    ...writeGlobals(plan),
  ]);
  const certificate = section("crt-store", [`load crt ${tls.server} key ${tls.key}`]);
  const defaults = section("defaults", [
    "mode tcp",
    "log global",
    "option dontlognull",
    // Whose session it is that a server sees come from here, as soon as it begins: sessions last for days.
    "option logasap",
    `log-format "${clientLine}"`,
    "option tcpka",
    // A peer that vanished. Not by `tcp-ut`: that ends a client, too, that takes its time to read a long answer.
    ...["clitcpka", "srvtcpka"].flatMap((side) => [`${side}-idle ${keepalive}s`, `${side}-intvl 1s`, `${side}-cnt 3`]),
    "option redispatch",
    "retries 3",
    `timeout connect ${clock.connectTimeout}ms`,
    // Silence is no fault: a long statement, a LISTEN, a COPY. Without a limit HAProxy warns; this is the longest that it takes.
    ...["client", "server"].map((side) => `timeout ${side} ${clock.idleTimeout > 0 ? `${clock.idleTimeout}s` : "24d"}`),
    ...waiting,
    `timeout check ${checkTimeout(clock)}ms`,
  ]);
  const stats = section("frontend stats", [
    "mode http",
    `bind :${ports.stats} ssl crt ${tls.server}`,
    maxconn(plan, "stats"),
    "timeout client 30s",
    // Only those who do not know the password.
    "http-request set-log-level silent if { http_auth(operators) }",
    "http-request auth realm pgha unless { http_auth(operators) }",
    "http-request use-service prometheus-exporter if { path /metrics }",
    "stats enable",
    "stats uri /",
    "stats refresh 5s",
    "stats show-legends",
  ]);
  const health = plan.settings.driver === "aws" ? healthChecks(plan) : [];
  const pooled = plan.settings.driver === "aws" ? balancedPools(plan) : [];
  const ways = [...writePath(plan), ...roleRelay(plan), ...readPath(plan), ...pooled];
  const sections = [global, certificate, defaults, ...ways, ...health, stats];
  return `${header()}${sections.join("\n\n")}\n`;
}
