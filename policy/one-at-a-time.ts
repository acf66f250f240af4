/**
 * No two nodes of a role are taken away by one update. A policy pack sees what resources become, never what becomes of
 * them; so this rule reads the steps of a preview. `up` and `preview` on AWS apply it (scripts/policy.ts).
 */
import { roles, type Role } from "../settings/roles";
import { object, types, type Values } from "./rule";

/** A step of `pulumi preview --json`, as far as it matters here. */
export interface PlannedStep {
  op: string;
  urn: string;
  oldState?: State;
  newState?: State;
}
interface State {
  type: string;
  inputs?: Values;
}

/** What a node cannot do without. */
const parts = [types.instance, types.volume, types.attachment];

/** The provider stops and starts an instance to change these (terraform-provider-aws, `resourceInstanceUpdate`). */
export const stopping = ["instanceType", "userData", "userDataBase64"];

type Fate = "replaced" | "stopped" | "deleted" | "created";

function fateOf({ op, oldState, newState }: PlannedStep): Fate | undefined {
  if (op.includes("replace")) return "replaced";
  if (op === "delete") return "deleted";
  if (op === "create") return "created";
  if (op !== "update" || newState?.type !== types.instance) return undefined;
  const changes = (input: string) =>
    JSON.stringify(oldState?.inputs?.[input]) !== JSON.stringify(newState.inputs?.[input]);
  return stopping.some(changes) ? "stopped" : undefined;
}

interface About {
  node: string;
  role: Role;
  type: string;
}

/** The node a step is about: by its tags, else by its name (an attachment has no tags). */
function nodeOf({ urn, oldState, newState }: PlannedStep): About | undefined {
  const state = oldState ?? newState;
  if (!state || !parts.includes(state.type)) return undefined;
  const tag = object(state.inputs?.tags)["pgha:node"];
  const name = typeof tag === "string" ? tag : urn.slice(urn.lastIndexOf("::"));
  const [node, role] = new RegExp(`(${roles.join("|")})\\d+`).exec(name) ?? [];
  return node ? { node, role: role as Role, type: state.type } : undefined;
}

/**
 * @param steps the `steps` of `pulumi preview --json`
 * @param stack for the command in the advice
 * @returns a sentence for each role that would be without more than one node for a time; empty when all is well
 */
export function oneAtATime(steps: PlannedStep[], stack: string): string[] {
  // Of a machine that is gone already nothing is taken away: its disk is attached to the one that is made.
  const made = steps.filter(({ op, newState }) => op === "create" && newState?.type === types.instance);
  const gone = new Set(made.map((step) => nodeOf(step)?.node));
  const isOfGone = ({ node, type }: About) => type === types.attachment && gone.has(node);
  return roles.flatMap((role) => {
    const fates = new Map<string, Set<Fate>>();
    for (const step of steps) {
      const [about, fate] = [nodeOf(step), fateOf(step)];
      if (about?.role !== role || !fate || isOfGone(about)) continue;
      fates.set(about.node, (fates.get(about.node) ?? new Set()).add(fate));
    }
    const comes = (...wanted: Fate[]) => [...fates.values()].some((set) => wanted.some((fate) => set.has(fate)));
    // Nodes that only go: fewer are wanted. With others coming, they are replaced by nodes of another name.
    if (!comes("replaced", "stopped") && !(comes("deleted") && comes("created"))) return [];
    const lost = [...fates]
      .map(([node, set]) => ({ node, how: [...set].filter((fate) => fate !== "created") }))
      .filter(({ how }) => how.length > 0)
      .sort((a, b) => a.node.localeCompare(b.node));
    if (lost.length < 2) return [];
    const list = lost.map(({ node, how }) => `${node} ${how.join(" and ")}`).join(", ");
    return [
      `This update would take away ${lost.length} nodes of ${role} at once: ${list}. Do one after the other, each when ` +
        `the cluster is healthy again (npx pgha status --stack ${stack}):\n` +
        `  npm run up -- --stack ${stack} -- --target '**${lost[0]!.node}**' --target-dependents`,
    ];
  });
}
