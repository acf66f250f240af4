import { tls } from "../../../settings/tls";
import type { JournalRule, Service } from "../service";

/**
 * Messages of HAProxy 3.0. It says everything twice; the copies that begin with a level are left out. `leaders` is what is
 * checked; what follows it says so once more ("via leaders/..."), which is left out, too.
 */
const rules: JournalRule[] = [
  // An old worker says so, some time after the one that checks.
  [/^Server (leaders|replicas)(\/\S+) is DOWN, changed from Lua script.*/, "note", "an old worker takes $1$2 for down"],
  [/^Server (leaders\S+) is DOWN, reason: .*"(does not lead)".*/, "server-down", "$1: $2"],
  [/^Server (leaders\S+) is DOWN, reason: (.*?), (?:info: .*, )?check duration.*/, "server-down", "$1: $2"],
  [/^Server (leaders\S+) is DOWN\b.*/, "server-down", "$1"],
  [/^Server (leaders\S+) is UP\b.*/, "server-up", "$1"],
  // Where reads go is not a step of a failover.
  [/^Server (replicas\S+) is (DOWN|UP)\b.*/, "note", "$1: $2"],
  [/^Server (replicas\S+) is stopping\b.*/, "note", "$1 gets no new sessions: it does not keep up"],
  [/^backend (\S+) has no server available!/, "note", "$1 has no server"],
];

export const haproxy: Service = {
  unit: "haproxy",
  role: "haproxy",
  ports: [
    "write",
    "read",
    "stats",
    "health",
    "balancedWrite",
    "balancedRead",
    "balancedPooled",
    "balancedPooledRead",
    "role",
    "hold",
    "homes",
  ],
  secrets: ["/etc/haproxy/secrets.cfg"],
  reactions: [
    [
      {
        files: ["*/haproxy.service.d/*"],
        kind: "restart",
        text: "HAProxy restarts and drops its connections, one proxy at a time; PgBouncer's clients wait",
      },
    ],
    [
      {
        files: ["/etc/haproxy/*", tls.ca, "*/hold.lua", "*/old-workers.lua"],
        kind: "reload",
        text: "HAProxy reloads, one proxy at a time; sessions go on in the old worker until they end",
      },
      {
        files: [tls.server, tls.key],
        kind: "update",
        text: "HAProxy takes the certificate of its stats page; no session is touched",
      },
    ],
  ],
  journal: { layer: "haproxy", rules },
};
