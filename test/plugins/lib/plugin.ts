// What a stand-in plugin says about its resources; lib/server.ts does the rest.
import type { Value, Values } from "./wire";

export interface Property {
  type: "string" | "integer" | "boolean" | "list" | "map" | "object" | "any";
  required?: boolean;
  /** Filled in where the program leaves the input out: for comparing, for running, and as an output. */
  default?: Value;
  oneOf?: readonly string[];
  /** Smallest integer allowed. */
  min?: number;
  /** Marked secret even where the program did not. */
  secret?: boolean;
  /** A change replaces the resource: always, or when this says so of the old and the new value. */
  replaces?: boolean | ((before: Value, after: Value) => boolean);
  /** The members of an object. */
  fields?: Properties;
  /** The members of a list or a map. */
  items?: Property;
  /** The real plugin has this input, the stand-in does not: why, or what to use instead. */
  unsupported?: string;
}

export type Properties = Record<string, Property>;

export interface Failure {
  property: string;
  reason: string;
}

export interface Change {
  /** Property path, as `connection.port` or `triggers[0]`. */
  path: string;
  kind: "add" | "delete" | "update";
  replace: boolean;
  /** Whether the path is one of the inputs (false: of the outputs). */
  input: boolean;
}

export type Severity = "debug" | "info" | "warning" | "error";

export interface Context {
  /** Name of the resource, the last part of its URN. */
  name: string;
  /** Aborted when the engine cancels or the resource's custom timeout is over. */
  signal: AbortSignal;
  /** Sends a line to the engine's display; a status line replaces the last one beside the resource. */
  log(severity: Severity, message: string, status?: boolean): void;
}

export interface ResourceType {
  inputs: Properties;
  /** Outputs that only creation can tell: unknown in its preview. */
  computed: string[];
  secretOutputs?: string[];
  /** Whether the computed outputs may change in an update: unknown in its preview then. */
  recomputes?: boolean;
  /** Settles inputs that depend on each other; runs after the defaults, must bear unknown values. */
  normalise?(inputs: Values): Values;
  /** Faults beyond the types of the single inputs; unknown values are left out of `inputs`. */
  check?(inputs: Values): Failure[];
  /** Changes that no input shows, such as a certificate that is due. */
  drift?(state: Values, inputs: Values): Change[];
  create(inputs: Values, context: Context): Promise<{ id: string; outputs: Values }>;
  /** The computed outputs after a change; default: they stay. */
  update?(inputs: Values, state: Values, context: Context): Promise<Values>;
  delete?(inputs: Values, state: Values, context: Context): Promise<void>;
}

export interface Plugin {
  name: string;
  version: string;
  resources: Record<string, ResourceType>;
}
