/** Which of PostgreSQL's parameters a running server takes up, and which need a restart. */
import { notBelowLeader } from "../../cloud-init/services/patroni/decide";
import { catalogue, knownName } from "../../settings/parameters/catalogue";

/** By the catalogue of PostgreSQL's parameters; those of an extension depend on whether its library is loaded. */
const needsRestart = (name: string) => {
  const known = name.includes(".") ? undefined : knownName(name);
  return known !== undefined && catalogue.parameters[known]!.context === "postmaster";
};

export interface ParameterChange {
  /** Parameters that differ. */
  changed: string[];
  /** Those among them that PostgreSQL takes up at a restart only. */
  restart: string[];
  /** Those of an extension: only the server knows. */
  unsure: string[];
  /** Whether the leader must restart first, and in place. */
  leaderFirst: boolean;
}

/** Compares the cluster-wide configuration of Patroni (`dynamic.json`, JSON). */
export function parameterChange(before: string, after: string): ParameterChange {
  const [old, now] = [parametersOf(before), parametersOf(after)];
  const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((name) => old[name] !== now[name])
    .sort();
  return {
    changed,
    restart: changed.filter(needsRestart),
    unsure: changed.filter((name) => name.includes(".")),
    leaderFirst: Object.keys(notBelowLeader).some((name) => Number(now[name]) < Number(old[name])),
  };
}

function parametersOf(json: string): Record<string, string> {
  const { postgresql } = JSON.parse(json) as { postgresql?: { parameters?: Record<string, unknown> } };
  return Object.fromEntries(Object.entries(postgresql?.parameters ?? {}).map(([name, value]) => [name, String(value)]));
}
