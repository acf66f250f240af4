import { hasPause } from "../../../settings/clocks";
import { ports } from "../../../settings/ports";
import type { Node, Plan } from "../../../settings/plan";
import { unit, type File } from "../../file";
import { hardened } from "../../hardening";
import { poolersOf, socketOf } from "../pgbouncer/poolers";
import { programFile, programs } from "../../program";
import { tls } from "../../../settings/tls";

const configuration = "/etc/pgha/gate.json";

/** The gate's OS user, and its name at PgBouncer's console. */
export const gateUser = "pgha-gate";

/**
 * The gate of a proxy, which pauses PgBouncer's pool while a planned switchover is under way (`gate.py`). None when the
 * clock has no pause.
 */
export function gateFiles(plan: Plan, node: Node): File[] {
  const { clock, pool } = plan.settings;
  if (!hasPause(clock)) return [];
  const config = {
    listen: [node.address, ports.gate],
    tls: { ca: tls.ca, cert: tls.server, key: tls.key },
    limit: clock.pause,
    wait: pool.mode !== "session",
    nodes: Object.fromEntries(plan.postgresql.map(({ name, address }) => [name, address])),
    user: gateUser,
    pgbouncer: poolersOf(plan)
      .filter(({ use }) => use === "pooled")
      .map(socketOf),
    haproxy: "/run/haproxy/admin.sock",
    holds: clock.hold > 0,
    role: ["127.0.0.1", ports.role],
  };
  const start = `${programs}/gate.py ${configuration}`;
  return [
    programFile("gate/gate.py"),
    programFile("gate/pgbouncer_console.py", "0644"),
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
          // PgBouncer lets this user in to its console; HAProxy's group may use its admin socket and read the key.
          User: gateUser,
          Group: gateUser,
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
          ...hardened(),
        },
        Install: { WantedBy: "multi-user.target" },
      }),
    },
  ];
}
