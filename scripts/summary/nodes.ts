/** What an update does to each node, out of what it does to the node's resources. */
import { roles, type Role } from "../../settings/roles";
import { stopping } from "../../policy/one-at-a-time";
import { convergeEffects, type Effects } from "./converge";
import type { EngineStep } from "./events";
import { brief, changesText, shortType } from "./values";

/** What becomes of a node. Each word includes those that follow it, but `changed` and `destroyed`. */
export type Fate = "destroyed" | "replaced" | "created" | "restarted" | "reloaded" | "changed";

export interface NodeSummary {
  name: string;
  role: Role;
  fate: Fate;
  /** Paths of configuration files that differ. */
  files: string[];
  /** What happens, a sentence each. */
  effects: string[];
  /** Whether its machine is stopped and started as a whole. */
  stopped: boolean;
}

/** Resources that are machines. */
const machines = new Set(["aws:ec2/instance:Instance", "pulumi-nodejs:dynamic/incus:Instance"]);
export const isMachine = ({ type }: EngineStep) => machines.has(type);

const isConverge = ({ type, name }: EngineStep) => type === "command:remote:Command" && name.endsWith("-converge");

const isState = ({ type }: EngineStep) => type === "pulumi-nodejs:dynamic/pgha:NodeState";

const ofNode = new RegExp(`(?:^|-)((${roles.join("|")})\\d+)(?:-|$)`);

/** The node a resource belongs to, by its name: `etcd1` of `etcd1-converge` and of `pgha-pki-etcd1-cert`. */
export function nodeOf(name: string): { name: string; role: Role } | undefined {
  const found = ofNode.exec(name);
  return found ? { name: found[1]!, role: found[2] as Role } : undefined;
}

/** Nodes that an update touches, in their own order. */
export function nodeSummaries(steps: EngineStep[]): NodeSummary[] {
  const byNode = new Map<string, EngineStep[]>();
  for (const step of steps) {
    const node = nodeOf(step.name);
    if (node) byNode.set(node.name, [...(byNode.get(node.name) ?? []), step]);
  }
  const order = new Intl.Collator("en", { numeric: true });
  return [...byNode]
    .map(([name, of]) => summaryOf(name, nodeOf(name)!.role, of))
    .sort((a, b) => roles.indexOf(a.role) - roles.indexOf(b.role) || order.compare(a.name, b.name));
}

function summaryOf(name: string, role: Role, steps: EngineStep[]): NodeSummary {
  const machine = steps.find(isMachine);
  const made = { name, role, files: [], stopped: false };
  if (machine?.operation === "create") return { ...made, fate: "created", effects: [shape(machine)] };
  if (machine?.operation === "delete") return { ...made, fate: "destroyed", effects: ["the machine is removed"] };
  if (machine?.operation === "replace") {
    const why = machine.differs.length > 0 ? ` (${machine.differs.join(", ")})` : "";
    return { ...made, fate: "replaced", effects: [`a new machine in place of the old one${why}: ${shape(machine)}`] };
  }
  const stopped = machine !== undefined && machine.differs.some((key) => stopping.includes(key));
  const converge = steps.find((step) => isConverge(step) && step.operation !== "delete");
  const state = steps.find((step) => isState(step) && step.operation !== "delete");
  const found: Effects = converge ? convergeEffects(role, state) : { files: [], effects: [] };
  const others = steps.filter((step) => step !== converge && step !== state).map(resourceText);
  const has = (kind: string) => found.effects.some((effect) => effect.kind === kind);
  return {
    ...made,
    stopped,
    fate: stopped || has("restart") ? "restarted" : has("reload") ? "reloaded" : "changed",
    files: found.files,
    effects: [
      ...(stopped ? ["**the machine is stopped and started**"] : []),
      ...found.effects.map(({ text }) => text),
      ...others,
    ],
  };
}

/** What kind of machine it is. */
function shape({ after = {} }: EngineStep): string {
  const { instanceType, availabilityZone, cpus, memoryMiB } = after;
  if (typeof instanceType === "string") return [instanceType, availabilityZone].filter(Boolean).map(brief).join(" in ");
  return `${brief(cpus)} CPU, ${brief(memoryMiB)} MiB`;
}

/** What happens to a resource beside the machine and its configuration. */
function resourceText(step: EngineStep): string {
  const what = `${shortType(step.type)} \`${step.name}\``;
  const done = { create: "is created", delete: "is removed", replace: "is replaced", update: "changes" }[
    step.operation
  ];
  const changes = changesText(step);
  return `${what} ${done}${changes ? `: ${changes}` : ""}`;
}
