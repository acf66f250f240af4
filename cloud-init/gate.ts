import { ports, type Node, type Plan } from "../components/plan";
import { unit, type File } from "./file";
import { programFile, programs } from "./program";
import { tls } from "./tls";

const configuration = "/etc/pgha/gate.json";

/**
 * The gate of a proxy, which pauses PgBouncer's pool while a planned switchover is under way (`programs/gate.py`). None when the
 * clock has no pause.
 */
export function gateFiles(plan: Plan, node: Node): File[] {
  const { clock, database, pool } = plan.settings;
  if (clock.pause === 0) return [];
  const config = {
    listen: [node.address, ports.gate],
    tls,
    database: database.name,
    limit: clock.pause,
    wait: pool.mode !== "session",
    nodes: Object.fromEntries(plan.postgresql.map(({ name, address }) => [name, address])),
    pgbouncer: `/var/run/postgresql/.s.PGSQL.${ports.pooled}`,
    haproxy: "/run/haproxy/admin.sock",
    holds: clock.hold > 0,
    role: ["127.0.0.1", ports.role],
  };
  const start = `${programs}/gate.py ${configuration}`;
  return [
    programFile("gate.py"),
    programFile("pgbouncer_console.py", "0644"),
    { path: configuration, owner: "root:root", mode: "0644", content: `${JSON.stringify(config, null, 2)}\n` },
    {
      path: "/etc/systemd/system/pgha-gate.service",
      owner: "root:root",
      mode: "0644",
      content: unit({
        Unit: {
          Description: "pgha's gate, which pauses PgBouncer for a planned switchover",
          After: "network.target pgbouncer.service haproxy.service",
          StartLimitIntervalSec: 0,
        },
        Service: {
          Type: "notify",
          // PgBouncer's own user, who needs no password at its console; HAProxy's group may use its admin socket.
          User: "postgres",
          Group: "postgres",
          SupplementaryGroups: "haproxy",
          ExecStart: start,
          ExecReload: "/bin/kill -HUP $MAINPID",
          // A gate that was killed, or froze, has left the pool paused.
          ExecStopPost: `${start} resume`,
          WatchdogSec: "1s",
          WatchdogSignal: "SIGKILL",
          Restart: "always",
          RestartSec: `${clock.restartDelay}ms`,
          TimeoutStopSec: 10,
          Nice: -10,
          OOMScoreAdjust: -900,
          TasksMax: 16,
          NoNewPrivileges: "yes",
          CapabilityBoundingSet: "",
          ProtectSystem: "strict",
          ProtectHome: "yes",
          PrivateTmp: "yes",
          PrivateDevices: "yes",
          ProtectKernelTunables: "yes",
          ProtectKernelModules: "yes",
          ProtectControlGroups: "yes",
          RestrictAddressFamilies: "AF_UNIX AF_INET",
          RestrictNamespaces: "yes",
          RestrictSUIDSGID: "yes",
          LockPersonality: "yes",
          MemoryDenyWriteExecute: "yes",
          SystemCallArchitectures: "native",
          SystemCallFilter: "@system-service",
        },
        Install: { WantedBy: "multi-user.target" },
      }),
    },
  ];
}
