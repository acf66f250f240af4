/** What is wrong with the databases and roles of a stack, before anything is asked of a server. */
import { ownersByRole, withMembers } from "./databases";
import { cron, extensionFault } from "./extensions";
import type { Fault } from "./faults";
import { nearest } from "./parameters/nearest";
import { sessionParameterFault, type Parameters } from "./parameters/faults";
import { eitherOf } from "./parameters/sentences";
import { reservedFault } from "./reserved";
import type { Settings } from "./schema";

/** All faults, each with the key's path. */
export function databaseFaults(settings: Settings): Fault[] {
  return [...firstFaults(settings), ...furtherFaults(settings), ...cronFaults(settings), ...roleFaults(settings)];
}

const fault = (path: string, text: string | undefined): Fault[] => (text === undefined ? [] : [{ path, fault: text }]);

function firstFaults({ database }: Settings): Fault[] {
  const { name, owner, user } = database;
  return [
    ...Object.entries({ name, owner, user }).flatMap(([key, value]) => fault(`database.${key}`, reservedFault(value))),
    ...fault(
      "database.user",
      owner === user ? "must not be the owner: the application runs with fewer rights; write another name" : undefined,
    ),
    ...extensionFaults("database", database.extensions),
  ];
}

function furtherFaults(settings: Settings): Fault[] {
  const { databases, database, nodes } = settings;
  const names = [database.name, ...databases.map(({ name }) => name)];
  return databases.flatMap((one, index) => {
    const at = `databases.${index}`;
    const { connections, pool } = one;
    return [
      ...fault(`${at}.name`, reservedFault(one.name) ?? twin(one.name, names, index + 1, "database")),
      ...ownerFaults(settings, index),
      ...one.schemas.flatMap((schema, place) =>
        fault(`${at}.schemas.${place}`, schema === "public" ? undefined : reservedFault(schema)),
      ),
      ...extensionFaults(at, one.extensions),
      ...parameterFaults(at, one.parameters),
      ...fault(
        `${at}.connections`,
        connections !== undefined && pool * nodes.haproxy > connections
          ? `is ${connections}, but ${nodes.haproxy} proxies have pools of ${pool} for it; write ${pool * nodes.haproxy} or more, or a smaller pool`
          : undefined,
      ),
    ];
  });
}

function ownerFaults(settings: Settings, index: number): Fault[] {
  const { name, owner } = settings.databases[index]!;
  const path = `databases.${index}.owner`;
  const owners = ownersByRole(settings, name).filter((role) => role !== owner);
  const all = owner === undefined ? owners : [owner, ...owners];
  if (all.length === 0)
    return fault(path, `is missing: ${name} has no owner; write one, or may: {${name}: owner} with a role`);
  if (all.length > 1)
    return fault(path, `of ${name} would be ${all.join(" and ")}; a database has one owner, who may have members`);
  return owner === undefined ? [] : fault(path, unknownRole(settings, owner));
}

function roleFaults(settings: Settings): Fault[] {
  const { database, databases, roles } = settings;
  const known = [database.name, ...databases.map(({ name }) => name)];
  const taken = [database.owner, database.user, ...roles.map(({ name }) => name)];
  const owners = new Set(databases.map(({ owner }) => owner));
  // Without rights is whom no database lets in.
  const useful = withMembers(settings, [
    ...owners,
    ...roles.filter(({ may, replication }) => Object.keys(may).length > 0 || replication).map(({ name }) => name),
  ] as string[]);
  return roles.flatMap((role, index) => {
    const at = `roles.${index}`;
    const { name, may, login, members } = role;
    return [
      ...fault(`${at}.name`, reservedFault(name) ?? twin(name, taken, index + 2, "role")),
      ...Object.entries(may).flatMap(([of, power]) => fault(`${at}.may.${of}`, powerFault(of, power, known, database))),
      ...fault(
        `${at}.may`,
        login && !useful.has(name)
          ? `gives ${name} no rights anywhere, so no database would let it in; write one like {${database.name}: read}, or login: false`
          : undefined,
      ),
      ...members.flatMap((member, place) => fault(`${at}.members.${place}`, memberFault(settings, name, member))),
      ...parameterFaults(at, role.parameters),
      ...fault(
        `${at}.createDatabases`,
        role.createDatabases && !login ? `is for roles that log in, and ${name} does not; remove it` : undefined,
      ),
    ];
  });
}

function powerFault(
  of: string,
  power: string,
  known: string[],
  { name, owner }: Settings["database"],
): string | undefined {
  if (!known.includes(of))
    return `names a database that is not declared; ${eitherOf(nearest(of, known))}add it to databases`;
  return of === name && power === "owner" ? `makes two owners: ${name} is ${owner}'s; write read or write` : undefined;
}

function memberFault(settings: Settings, name: string, member: string): string | undefined {
  if (withMembers(settings, [member]).has(name)) return `would make ${name} a member of itself; remove it`;
  return unknownRole(settings, member);
}

function unknownRole({ database, roles }: Settings, name: string): string | undefined {
  const known = [database.owner, database.user, ...roles.map((role) => role.name)];
  return known.includes(name)
    ? undefined
    : `names the role ${name}, which is not declared; ${eitherOf(nearest(name, known))}add it to roles`;
}

/** @param from names before this one came first */
const twin = (name: string, names: string[], from: number, kind: string) =>
  names.indexOf(name) < from
    ? `is ${name}, but there is a ${kind} of that name already; write another name`
    : undefined;

const extensionFaults = (at: string, names: string[]): Fault[] =>
  names.flatMap((name, index) => fault(`${at}.extensions.${index}`, extensionFault(name)));

/** pg_cron is in one database, and which one is not said a second time. */
function cronFaults({ database, databases, postgresql }: Settings): Fault[] {
  const places = [database, ...databases].flatMap(({ name, extensions }, index) => {
    const place = extensions.indexOf(cron.extension);
    return place < 0
      ? []
      : [{ name, path: `${index === 0 ? "database" : `databases.${index - 1}`}.extensions.${place}` }];
  });
  const [first, ...others] = places;
  if (!first) return [];
  const owned = Object.keys(cron.parameters(first.name));
  return [
    ...others.map(({ path }) => ({
      path,
      fault: `is pg_cron, which can be in one database only and is in ${first.name}; remove it`,
    })),
    ...Object.keys(postgresql.parameters).flatMap((name) =>
      fault(
        `postgresql.parameters.${name}`,
        owned.includes(name.toLowerCase()) ? `cannot be set: ${first.path} does; remove it` : undefined,
      ),
    ),
  ];
}

const parameterFaults = (at: string, parameters: Parameters): Fault[] =>
  Object.entries(parameters).flatMap(([name, value]) =>
    fault(`${at}.parameters.${name}`, sessionParameterFault(name, String(value))),
  );
