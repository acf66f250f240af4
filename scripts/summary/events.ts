/** What the Pulumi engine says it would do: the event log of `pulumi preview`, read into what a summary needs. */
import type { PlannedStep } from "../../policy/one-at-a-time";
import { masked, redacted } from "./secrets";

/** What becomes of a resource. A replacement is one operation, though the engine takes up to three steps for it. */
export type Operation = "create" | "update" | "replace" | "delete";

type Properties = Record<string, unknown>;

/** One resource that an update would touch. */
export interface EngineStep {
  operation: Operation;
  /** Type token, `aws:ec2/instance:Instance`. */
  type: string;
  /** Logical name, `etcd1-instance`. */
  name: string;
  /** Inputs, secrets masked; undefined for what is not there before or after. */
  before?: Properties;
  after?: Properties;
  /** Top-level inputs that differ, those too whose values are secret. The engine does not name them for every type. */
  differs: string[];
  /** Whether the provider leaves the real thing in place when Pulumi forgets it. */
  retained: boolean;
}

/** An error, a warning or a broken policy. */
export interface Problem {
  severity: "error" | "warning";
  text: string;
}

export interface Preview {
  steps: EngineStep[];
  /** The engine's own steps, for the rule that judges them. Their inputs are not masked by this program. */
  engineSteps: PlannedStep[];
  problems: Problem[];
  /** Resources that stay as they are; the stack itself, components and providers are not counted. */
  unchanged: number;
  /** Whether the engine got to the end without an error. */
  ok: boolean;
}

/** A resource in an event. */
interface State {
  type: string;
  inputs?: Properties;
  retainOnDelete?: boolean;
}
interface Metadata {
  op: string;
  urn: string;
  type: string;
  old?: State | null;
  new?: State | null;
  keys?: string[];
  diffs?: string[];
  detailedDiff?: Record<string, unknown> | null;
}
/** The parts of the events that are read (sdk/go/common/apitype/events.go of Pulumi). */
interface Event {
  resourcePreEvent?: { metadata: Metadata };
  diagnosticEvent?: { severity: string; prefix?: string; message: string; urn?: string; ephemeral?: boolean };
  policyEvent?: { resourceUrn?: string; message: string; policyName: string; enforcementLevel: string };
  summaryEvent?: { result?: string };
}

const operations: Record<string, Operation> = {
  create: "create",
  import: "create",
  update: "update",
  replace: "replace",
  "create-replacement": "replace",
  "import-replacement": "replace",
  "delete-replaced": "replace",
  delete: "delete",
  discard: "delete",
};

/** What only groups or serves other resources. */
const isBookkeeping = (type: string) => /^(pulumi:(pulumi|providers):|pgha:)/.test(type);

export const nameOf = (urn: string) => urn.slice(urn.lastIndexOf("::") + 2);

/** @param log one JSON object per line. Its debug messages, and everything secret, are left behind */
export function readPreview(log: string): Preview {
  const steps = new Map<string, EngineStep>();
  const engineSteps: PlannedStep[] = [];
  const problems = new Map<string, Problem>();
  let unchanged = 0;
  let ok = false;
  for (const line of log.split("\n").filter(Boolean)) {
    const event = JSON.parse(line) as Event;
    const metadata = event.resourcePreEvent?.metadata;
    if (metadata && !isBookkeeping(metadata.type)) {
      const operation = operations[metadata.op];
      if (operation) {
        engineSteps.push(engineStep(metadata));
        steps.set(metadata.urn, merged(steps.get(metadata.urn), stepOf(operation, metadata)));
      } else if (metadata.op === "same") unchanged++;
    }
    const problem = problemOf(event);
    if (problem) problems.set(problem.text, problem);
    if (event.summaryEvent) ok = event.summaryEvent.result === "succeeded";
  }
  return { steps: [...steps.values()], engineSteps, problems: [...problems.values()], unchanged, ok };
}

/** A step as `pulumi preview --json` gives it. */
const engineStep = ({ op, urn, old, new: now }: Metadata): PlannedStep => ({
  op,
  urn,
  oldState: old ?? undefined,
  newState: now ?? undefined,
});

function stepOf(operation: Operation, metadata: Metadata): EngineStep {
  const { type, urn, old, new: now, keys = [], diffs = [], detailedDiff } = metadata;
  const before = old?.inputs && masked(type, old.inputs);
  const after = now?.inputs && masked(type, now.inputs);
  // Paths of nested values, `ebs[0].size`, are reported as the input they are in.
  const named = [...keys, ...diffs, ...Object.keys(detailedDiff ?? {})].map(
    (path) => /^[^.[]+/.exec(path)?.[0] ?? path,
  );
  const differing = old?.inputs && now?.inputs ? differingKeys(old.inputs, now.inputs) : [];
  return {
    operation,
    type,
    name: nameOf(urn),
    before: operation === "create" ? undefined : before,
    after: operation === "delete" ? undefined : after,
    differs: [...new Set([...named, ...differing])].sort(),
    retained: old?.retainOnDelete ?? false,
  };
}

const differingKeys = (before: Properties, after: Properties) =>
  Object.keys({ ...before, ...after }).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));

/** Two steps on one resource: those of a replacement, of which one knows what was and another what will be. */
function merged(first: EngineStep | undefined, second: EngineStep): EngineStep {
  if (!first) return second;
  return {
    ...first,
    operation: first.operation === second.operation ? first.operation : "replace",
    before: first.before ?? second.before,
    after: first.after ?? second.after,
    differs: [...new Set([...first.differs, ...second.differs])].sort(),
    retained: first.retained || second.retained,
  };
}

function problemOf({ diagnosticEvent, policyEvent }: Event): Problem | undefined {
  if (diagnosticEvent && !diagnosticEvent.ephemeral && /^(error|warning)$/.test(diagnosticEvent.severity)) {
    const about = diagnosticEvent.urn ? `${nameOf(diagnosticEvent.urn)}: ` : "";
    const severity = diagnosticEvent.severity as Problem["severity"];
    return { severity, text: redacted(about + diagnosticEvent.message).trim() };
  }
  if (policyEvent && policyEvent.enforcementLevel !== "none") {
    const about = policyEvent.resourceUrn ? ` (${nameOf(policyEvent.resourceUrn)})` : "";
    const severity = policyEvent.enforcementLevel === "mandatory" ? "error" : "warning";
    return { severity, text: redacted(`policy ${policyEvent.policyName}${about}: ${policyEvent.message}`).trim() };
  }
  return undefined;
}
