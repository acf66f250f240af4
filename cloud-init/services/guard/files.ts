import { ports } from "../../../settings/ports";
import type { Node, Plan } from "../../../settings/plan";
import { unit, type File } from "../../file";
import { hardened } from "../../hardening";
import { programFile, programs } from "../../program";

/** What Patroni runs before it promotes a standby (`pre_promote`). */
export const guardProgram = `${programs}/pre-promote.sh`;

/** The promotion guard of a database node: nothing that may lack an acknowledged commit is promoted (`guard.py`). */
export function guardFiles(plan: Plan, node: Node): File[] {
  const config = {
    scope: plan.cluster,
    name: node.name,
    etcd: plan.etcd.map(({ address }) => `${address}:${ports.etcdClient}`),
    members: Object.fromEntries(plan.postgresql.map(({ name, address }) => [name, address])),
  };
  const service = unit({
    Unit: {
      Description: "pgha's guard, which lets Patroni promote only what lacks no acknowledged commit",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "simple",
      User: "postgres",
      Group: "postgres",
      RuntimeDirectory: "pgha-guard",
      RuntimeDirectoryMode: "0700",
      ExecStart: `${programs}/guard.py serve /run/pgha-guard/socket`,
      Restart: "always",
      RestartSec: `${plan.settings.clock.restartDelay}ms`,
      // Nobody leads while it works.
      Nice: -10,
      OOMScoreAdjust: -900,
      ...hardened(),
    },
    Install: { WantedBy: "multi-user.target" },
  });
  return [
    programFile("guard/pre-promote.sh"),
    programFile("guard/guard.py"),
    programFile("etcd/etcd_gateway.py", "0644"),
    { path: "/etc/pgha/guard.json", owner: "root:root", mode: "0644", content: `${JSON.stringify(config, null, 2)}\n` },
    { path: "/etc/systemd/system/pgha-guard.service", owner: "root:root", mode: "0644", content: service },
  ];
}
