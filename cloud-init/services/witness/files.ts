import { hasWitness } from "../../../settings/clocks";
import { ports } from "../../../settings/ports";
import type { Node, Plan } from "../../../settings/plan";
import { unit, type File } from "../../file";
import { hardened } from "../../hardening";
import { programFile, programs } from "../../program";

/** The witness of an etcd machine, which frees the leader key of a leader that is gone. None when the clock has none. */
export function witnessFiles(plan: Plan, node: Node): File[] {
  const { clock } = plan.settings;
  if (!hasWitness(clock)) return [];
  // The member on this machine first: it is the nearest.
  const members = [node, ...plan.etcd.filter(({ name }) => name !== node.name)];
  const config = {
    scope: plan.cluster,
    name: node.name,
    witnesses: plan.etcd.map(({ name }) => name),
    etcd: members.map(({ address }) => `${address}:${ports.etcdClient}`),
    members: Object.fromEntries(plan.postgresql.map(({ name, address }) => [name, address])),
    silence: clock.witness,
    armed: clock.witnessArmed > 0,
  };
  const service = unit({
    Unit: {
      Description: "Witness, which frees the leader key of a leader that is gone",
      After: "etcd.service",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "simple",
      // Not etcd's: it shares the machine's key with etcd, and nothing else.
      User: "pgha-witness",
      ExecStart: `${programs}/witness.py`,
      Restart: "always",
      RestartSec: `${clock.restartDelay}ms`,
      ...hardened(),
    },
    Install: { WantedBy: "multi-user.target" },
  });
  return [
    programFile("witness/witness.py"),
    programFile("etcd/etcd_gateway.py", "0644"),
    {
      path: "/etc/pgha/witness.json",
      owner: "root:root",
      mode: "0644",
      content: `${JSON.stringify(config, null, 2)}\n`,
    },
    { path: "/etc/systemd/system/pgha-witness.service", owner: "root:root", mode: "0644", content: service },
  ];
}
