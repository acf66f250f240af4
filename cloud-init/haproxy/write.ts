import { ports, type Plan } from "../../components/plan";
import { programs } from "../program";
import { checked, cutWhenDown, section } from "./section";

/** The program that holds connections while nobody leads. */
export const holdProgram = "hold.lua";

/** Lines of the section `global` that the way of writes needs. */
export const writeGlobals = ({ settings }: Plan): string[] => [
  "set-var proc.timeline int(0)",
  ...(settings.clock.hold > 0 ? [`lua-load ${programs}/${holdProgram}`] : []),
];

/**
 * The way of writes to whoever leads. `leaders` takes no traffic: its checks find out who leads and can be reached. `primary`
 * follows it. While nobody leads, a new connection waits at the door, and one that was on its way to a leader just lost goes
 * round by `hold`, the only server left, to wait there. With `clock.hold` 0 both are refused at once.
 */
export function writePath(plan: Plan): string[] {
  const { clock } = plan.settings;
  const holds = clock.hold > 0;
  const door = holds
    ? [`tcp-request inspect-delay ${clock.hold + 1}s`, `tcp-request content lua.hold ${clock.hold}`]
    : // After its start HAProxy takes every server for up until it has asked.
      ["tcp-request content reject unless { var(proc.leader) -m found }"];
  return [
    section("frontend write", [`bind :${ports.write}`, ...door, "default_backend primary"]),
    ...(holds ? [section("frontend hold", [`bind 127.0.0.1:${ports.hold}`, ...door, "default_backend primary"])] : []),
    section("backend primary", [
      // A server that has just died refuses until the check has noticed: try again, each time with whoever is up then.
      ...(holds ? ["option redispatch 1", "retries 100"] : []),
      `default-server ${cutWhenDown}`,
      // Two servers may be up until the check of the old leader has noticed that another leads.
      ...plan.postgresql.map(({ name }) => `use-server ${name} if { var(proc.leader) -m str ${name} }`),
      ...plan.postgresql.map(
        ({ name, address }) => `server ${name} ${address}:${ports.postgresql} track leaders/${name}`,
      ),
      ...(holds ? [`server hold 127.0.0.1:${ports.hold} backup`] : []),
    ]),
    section("backend leaders", [
      "option tcp-check",
      // Closed in good order: PostgreSQL logs a reset.
      `tcp-check connect port ${ports.postgresql} linger`,
      `tcp-check connect addr 127.0.0.1 port ${ports.role}`,
      'tcp-check send-lf "GET /%[srv_name] HTTP/1.0\\r\\n\\r\\n"',
      'tcp-check expect rstring "^HTTP/1.. 200" on-error "does not lead"',
      checked(clock),
      ...plan.postgresql.map(({ name, address }) => `server ${name} ${address}:${ports.postgresql} check`),
    ]),
  ];
}
