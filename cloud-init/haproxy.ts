import { ports, type Plan } from "../components/plan";
import { header, unit, type File } from "./file";
import { tls } from "./tls";

/** HAProxy's configuration. Options after the HAProxy 3.0 configuration manual. */
export function haproxyFiles(plan: Plan): File[] {
  return [
    { path: "/etc/haproxy/haproxy.cfg", owner: "root:root", mode: "0644", content: haproxyConfig(plan) },
    {
      path: "/etc/systemd/system/haproxy.service.d/pgha.conf",
      owner: "root:root",
      mode: "0644",
      content: unit({
        Unit: { StartLimitIntervalSec: 0 },
        Service: {
          // The folder: haproxy.cfg, then secrets.cfg with the password of the stats page.
          Environment: '"CONFIG=/etc/haproxy" "EXTRAOPTS=-S /run/haproxy-master.sock"',
          Restart: "always",
          RestartSec: `${plan.settings.clock.restartDelay}ms`,
          OOMScoreAdjust: -900,
        },
      }),
    },
  ];
}

/** The password of the stats page, apart from the rest so that diffs of the configuration stay readable. */
export function haproxySecrets(statsPassword: string): File {
  return {
    path: "/etc/haproxy/secrets.cfg",
    owner: "root:root",
    mode: "0600",
    content: `userlist operators\n  user pgha insecure-password ${statsPassword}\n`,
  };
}

function haproxyConfig(plan: Plan): string {
  const { clock, haproxy, pool } = plan.settings;
  const servers = plan.postgresql.map(
    ({ name, address }) =>
      `  server ${name} ${address}:${ports.postgresql} check port ${ports.patroni} check-ssl verify required ca-file ${tls.ca} verifyhost ${name}`,
  );
  const check = [
    `inter ${clock.checkInterval}ms`,
    `fastinter ${clock.checkFast}ms`,
    `downinter ${clock.checkDown}ms`,
    `fall ${clock.fall}`,
    `rise ${clock.rise}`,
    // A session to a server that has lost its role is worth nothing: the client must connect again.
    "on-marked-down shutdown-sessions",
  ].join(" ");
  const backend = (name: string, path: string, more: string[] = []) =>
    [
      `backend ${name}`,
      ...more.map((line) => `  ${line}`),
      "  option httpchk",
      `  http-check send meth GET uri ${path} ver HTTP/1.1 hdr Host pgha`,
      "  http-check expect status 200",
      `  default-server ${check}`,
      ...servers,
    ].join("\n");
  return (
    [
      `${header()}global
  log stderr format raw local0 notice
  user haproxy
  group haproxy
  stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
  stats timeout 30s
  maxconn ${2 * pool.maxClients + 2000}
  ssl-load-extra-del-ext
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-server-options ssl-min-ver TLSv1.2
  hard-stop-after 30s`,
      `defaults
  mode tcp
  log global
  option dontlognull
  option tcpka
  option redispatch
  retries 3
  timeout connect ${clock.connectTimeout}s
  timeout client ${clock.idleTimeout}s
  timeout server ${clock.idleTimeout}s
  timeout check ${Math.max(1000, clock.checkInterval)}ms`,
      `# Writes: whoever holds the leader key.
frontend write
  bind :${ports.write}
  default_backend primary`,
      `# Reads: replicas that keep up; the leader when none is left.
frontend read
  bind :${ports.read}
  use_backend primary if { nbsrv(replicas) eq 0 }
  default_backend replicas`,
      backend("primary", "/primary"),
      backend("replicas", `/replica?lag=${haproxy.maxReplicaLag}MB`, ["balance leastconn"]),
      `frontend stats
  mode http
  bind :${ports.stats} ssl crt ${tls.cert}
  timeout client 30s
  http-request auth realm pgha unless { http_auth(operators) }
  http-request use-service prometheus-exporter if { path /metrics }
  stats enable
  stats uri /
  stats refresh 5s
  stats show-legends`,
    ].join("\n\n") + "\n"
  );
}
