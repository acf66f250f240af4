/**
 * What is wrong with a stack's `postgresql.parameters`: what PostgreSQL would refuse at its next start, what Patroni would drop without
 * more than a line in its log, and what is not for the settings. By the catalogue, without a server; what only a machine can tell,
 * such as whether memory can be had, is not judged here.
 */
import type { Fault } from "../faults";
import { catalogue, knownName, type Parameter } from "./catalogue";
import { everybodyFault } from "./everybody";
import { least, patroniBooleans, unsettable } from "./controlled";
import { nearest } from "./nearest";
import { eitherOf } from "./sentences";
import { stepFault } from "./steps";
import { texts } from "./texts";
import { valueFault } from "./values";

/** Parameters as they stand in the settings. */
export type Parameters = Record<string, string | number | boolean>;

/** All faults, each with the key's path. */
export function parameterFaults(parameters: Parameters): Fault[] {
  const names = Object.keys(parameters);
  return names.flatMap((name) => {
    const twin = names.find((other) => other < name && other.toLowerCase() === name.toLowerCase());
    const text = String(parameters[name]);
    const fault = twin
      ? `is ${twin} once more; remove one of them`
      : (faultOf(name, text) ?? everybodyFault(name, text));
    return fault ? [{ path: `postgresql.parameters.${name}`, fault }] : [];
  });
}

/** What is wrong with a parameter of one database or role; undefined: it can be set there. */
export function sessionParameterFault(name: string, value: string): string | undefined {
  const known = knownName(name);
  const context = known === undefined ? undefined : catalogue.parameters[known]!.context;
  if (context !== undefined && context !== "user" && context !== "superuser") {
    return "is not for one database or role; write it as postgresql.parameters";
  }
  if (/_preload_libraries$/i.test(name)) return "loads code into every session; write it as postgresql.parameters";
  if (/^(session_authorization|role|session_replication_role)$/i.test(name))
    return "makes a session another one's; remove it";
  return faultOf(name, value);
}

function faultOf(name: string, text: string): string | undefined {
  const known = knownName(name);
  const parameter = known === undefined ? undefined : catalogue.parameters[known]!;
  const reason = unsettable(name, text, parameter);
  if (reason) return `cannot be set: ${reason}`;
  if (!parameter) return unknownFault(name) ?? lineFault(text);
  return (
    lineFault(text) ??
    texts[name.toLowerCase()]?.(text) ??
    valueFault(text, bounded(name, parameter)) ??
    stepFault(name.toLowerCase(), text, parameter) ??
    wordFault(name, text, parameter)
  );
}

/** PostgreSQL's configuration has no way to write a value of two lines. */
const lineFault = (text: string) =>
  /[\0\n]/.test(text)
    ? "has a line break or a NUL in it, which postgresql.conf cannot hold; write it in one line"
    : undefined;

/** Names to offer. */
const settable = Object.entries(catalogue.parameters)
  .filter(([name, of]) => !unsettable(name, "", of))
  .map(([name]) => name);

/** A name with a dot is for an extension, and its own business, unless PostgreSQL knows what the extension has. */
function unknownFault(name: string): string | undefined {
  const [extension] = name.toLowerCase().split(".");
  const reserved = settable.filter((other) => other.startsWith(`${extension}.`));
  if (!name.includes(".")) {
    return `is not a parameter of PostgreSQL ${catalogue.version}; ${eitherOf(nearest(name, settable))}remove it`;
  }
  if (!/^[a-z_]\w*\.[a-z_]\w*$/i.test(name)) {
    return "is not a name that postgresql.conf can hold; write EXTENSION.NAME, each of letters, digits and _";
  }
  return reserved.length > 0
    ? `is not a parameter of ${extension}; ${eitherOf(nearest(name, reserved))}remove it`
    : undefined;
}

/** A parameter with the bound that counts. */
const bounded = (name: string, parameter: Parameter): Parameter => {
  const min = least[name.toLowerCase()];
  return min === undefined ? parameter : { ...parameter, min };
};

/** Patroni judges the parameters of PostgreSQL itself, not those of extensions. */
const wordFault = (name: string, text: string, { type }: Parameter) =>
  type === "bool" && !name.includes(".") && !Object.values(patroniBooleans).flat().includes(text.toLowerCase())
    ? `is '${text}', which Patroni does not read; write on or off`
    : undefined;
