/** What a changed converge command does on its node. */
import type { Role } from "../../settings/roles";
import { changedFile, notAtSettings } from "../../cloud-init/drift";
import { reactionsTo } from "../../cloud-init/reactions";
import { possibleServices } from "../../cloud-init/services";
import { dynamicConfigurationFile, rolling } from "../../cloud-init/services/patroni/record";
import type { Reaction } from "../../cloud-init/services/service";
import { tls } from "../../settings/tls";
import type { EngineStep } from "./events";
import { changedPaths, givenOf } from "./files";
import { parameterChange } from "./parameters";

export interface Effects {
  /** Paths of files that are new, gone or differ. */
  files: string[];
  effects: { kind: Reaction["kind"]; text: string }[];
}

/**
 * @param state an update of the node's state: what it is given, and what was found on it. None: its converge step runs again because of
 * another machine
 */
export function convergeEffects(role: Role, state?: EngineStep): Effects {
  const [before, after] = [givenOf(state?.before), givenOf(state?.after)];
  const found = differencesOf(state);
  const edited = found.flatMap((line) => changedFile(line) ?? []);
  const files = [...new Set([...changedPaths(before, after), ...edited])];
  const installed = files.filter((path) => after.files.has(path) || edited.includes(path));
  const effects: Effects["effects"] = reactionsTo(role, installed);
  const dynamic = dynamicConfigurationFile;
  if (installed.includes(dynamic) && after.files.has(dynamic))
    effects.push(dynamicEffect(before.files.get(dynamic), after.files.get(dynamic)!));
  for (const [name, { unit }] of possibleServices(role)) {
    const path = `/etc/systemd/system/${unit}.service`;
    if (files.includes(path) && !after.files.has(path))
      effects.push({ kind: "helper", text: `the ${name} is switched off` });
  }
  if (state?.operation === "update" && state.differs.includes("secrets")) effects.push(...secretEffects(role, effects));
  effects.push(...found.map((line): Effects["effects"][number] => ({ kind: "helper", text: `found: ${line}` })));
  if (effects.length === 0) effects.push({ kind: "helper", text: "the converge step runs; no service is touched" });
  return { files, effects };
}

/** What was found on the node, beside that its settings are to change. */
function differencesOf(state: EngineStep | undefined): string[] {
  const lines = state?.after?.differences;
  return Array.isArray(lines) ? lines.map(String).filter((line) => line !== notAtSettings) : [];
}

/** A file that was new before this one's bootstrap has no older parameters to compare with. */
function dynamicEffect(before: string | undefined, after: string): Effects["effects"][number] {
  const json = (file: string) => file.replace(/# \S+ \S+\n$/, "");
  const { changed, restart, unsure, leaderFirst } = parameterChange(json(before ?? "{}"), json(after));
  if (changed.length === 0) return { kind: "reload", text: "Patroni takes up the cluster's configuration" };
  if (restart.length === 0) {
    const doubt = unsure.length > 0 ? `; whether ${unsure.join(", ")} need a restart, only the server knows` : "";
    return { kind: "reload", text: `PostgreSQL reloads (${changed.join(", ")})${doubt}` };
  }
  const order = leaderFirst
    ? "the leader first and in place, then the replicas, because a parameter is lowered"
    : rolling;
  return { kind: "restart", text: `PostgreSQL restarts (${restart.join(", ")}): ${order}` };
}

/** Where a role's secret files are. */
export const secretPaths = (role: Role): string[] => [
  tls.client,
  tls.server,
  ...possibleServices(role).flatMap(([, { secrets }]) => secrets),
];

/** At most this: which of the node's secrets differs, nobody is shown. */
function secretEffects(role: Role, known: Effects["effects"]): Effects["effects"] {
  const texts = reactionsTo(role, secretPaths(role)).filter(
    ({ text }) => !known.some((effect) => effect.text === text),
  );
  const at = texts.length > 0 ? `, for which ${texts.map(({ text }) => text).join(", ")}` : "";
  return [{ kind: "reload", text: `a secret differs (key pair or password)${at}` }];
}
