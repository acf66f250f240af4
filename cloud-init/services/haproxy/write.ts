import { serverConnections } from "../../../settings/limits";
import { ports } from "../../../settings/ports";
import type { Plan } from "../../../settings/plan";
import { programs } from "../../program";
import { doors } from "./balanced";
import { maxconn, speaksFirst } from "./limits";
import { checked, checkedByRelay, section } from "./section";

/** The program that holds connections while nobody leads. */
export const holdProgram = "hold.lua";

/** Lines of the section `global` that the write path needs. */
export const writeGlobals = ({ settings }: Plan): string[] => [
  "set-var proc.timeline int(0)",
  ...(settings.clock.hold > 0 ? [`lua-load ${programs}/${holdProgram}`] : []),
];

/**
 * The write path to whoever leads. `leaders` takes no traffic: its checks find out who leads and can be reached. `primary`
 * follows it, for clients, and so does `pool`, for the PgBouncer on this machine, which has places at the leader of its own. While
 * nobody leads, a new connection waits, and one that was on its way to a leader just lost goes to the server
 * `hold`, the only one left, to wait there. With `clock.hold` 0 both are refused at once.
 */
export function writePath(plan: Plan): string[] {
  const { clock } = plan.settings;
  const holds = clock.hold > 0;
  const to = serverConnections(plan.settings);
  return [
    section("frontend write", [
      ...doors(plan, ports.write, ports.balancedWrite),
      maxconn(plan, "write"),
      ...speaksFirst,
      "default_backend primary",
    ]),
    // More special than the other: who comes by the loopback interface is met by this one.
    section("frontend pool", [
      `bind 127.0.0.1:${ports.write}`,
      ...(holds ? [`bind ${poolHold}`] : []),
      maxconn(plan, "pool"),
      "default_backend pool",
    ]),
    ...(holds
      ? [section("frontend hold", [`bind ${clientHold}`, maxconn(plan, "hold"), "default_backend primary"])]
      : []),
    leaderBackend(plan, "primary", clientHold, ` maxconn ${to.write}`),
    leaderBackend(plan, "pool", poolHold, ""),
    section("backend leaders", [
      ...checkedByRelay("%[srv_name]", "200", "does not lead"),
      checked(clock),
      ...plan.postgresql.map(({ name, address }) => `server ${name} ${address}:${ports.postgresql} check`),
    ]),
  ];
}

/** Where connections go round by, the clients' and PgBouncer's. */
const clientHold = `127.0.0.1:${ports.hold}`;
const poolHold = `127.0.0.2:${ports.hold}`;

function leaderBackend(plan: Plan, name: string, hold: string, limit: string): string {
  const { clock } = plan.settings;
  const holds = clock.hold > 0;
  const door = holds
    ? [
        `tcp-request inspect-delay ${clock.hold + 1}s`,
        `tcp-request content lua.hold ${clock.hold}`,
        "tcp-request content reject if { var(txn.unserved) -m bool }",
      ]
    : // After its start HAProxy takes every server for up until it has asked.
      ["tcp-request content reject unless { var(proc.leader) -m found }"];
  return section(`backend ${name}`, [
    ...door,
    // A server that has just died refuses until the check has noticed: try again, each time with whoever is up then.
    ...(holds ? ["option redispatch 1", "retries 100"] : []),
    // A reload came while it waited.
    ...(holds ? ["use-server hold if { var(txn.replaced) -m bool }"] : []),
    // Two servers may be up until the check of the old leader has noticed that another leads.
    ...plan.postgresql.map((node) => `use-server ${node.name} if { var(proc.leader) -m str ${node.name} }`),
    ...plan.postgresql.map(
      (node) => `server ${node.name} ${node.address}:${ports.postgresql} track leaders/${node.name}${limit}`,
    ),
    ...(holds ? [`server hold ${hold} backup`] : []),
  ]);
}
