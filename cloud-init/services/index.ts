/**
 * Every service, in the order of roles and of starting. Whatever lists services is made from these records, or is a
 * `Record<ServiceName, ...>`, which does not compile while one is missing.
 */
import type { Switches } from "../../settings/clocks";
import type { PoolerCounts } from "../../settings/limits";
import type { Role } from "../../settings/roles";
import { etcd } from "./etcd/record";
import { gate } from "./gate/record";
import { guard } from "./guard/record";
import { haproxy } from "./haproxy/record";
import { patroni } from "./patroni/record";
import { pgbouncer } from "./pgbouncer/record";
import type { Service } from "./service";
import { witness } from "./witness/record";

export const services = { etcd, witness, patroni, guard, haproxy, pgbouncer, gate } satisfies Record<string, Service>;

export type ServiceName = keyof typeof services;

const all = Object.entries(services) as [ServiceName, Service][];

/** Services that a node of a role may have, by name. */
export const possibleServices = (role: Role): [ServiceName, Service][] =>
  all.filter(([, service]) => service.role === role);

/** journalctl's options for what a service writes, by all of its units. PostgreSQL writes to the journal of Patroni, which starts it. */
export const journalOfService = (name: ServiceName): string => {
  const { unit, further }: Service = services[name];
  return `-u ${unit}${further ? ` -u ${unit}-*` : ""}`;
};

/** The same for all that the daemons of a role write. */
export const journalOf = (role: Role): string =>
  possibleServices(role)
    .map(([name]) => journalOfService(name))
    .join(" ");

/** Services that it has with this clock. */
export const servicesOf = (role: Role, clock: Switches): [ServiceName, Service][] =>
  possibleServices(role).filter(([, { on }]) => on?.(clock) ?? true);

/** Units of those, of which a proxy may have so many PgBouncers. */
export const unitsOf = (role: Role, clock: Switches, counts: PoolerCounts): string[] =>
  servicesOf(role, clock).flatMap(([, { unit, further }]) => [unit, ...(further?.(counts) ?? [])]);

/** The service of a unit; undefined: it is none of ours. */
export const serviceOf = (unit: string): ServiceName | undefined =>
  all.find(([, { unit: its, further }]) => its === unit || (further && unit.startsWith(`${its}-`)))?.[0];
