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
  /** Left out, it stays as it was: no difference. */
  keeps?: boolean;
  /** A list whose order means nothing. */
  unordered?: boolean;
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
  /** Property path, such as `connection.port` or `triggers[0]`. */
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
  /** Id of the resource; empty while it is created. */
  id: string;
  /** Aborted when the engine cancels (`Plugin.cancels`) or the resource's custom timeout is over. */
  signal: AbortSignal;
  /** Sends a line to the engine's display; a status line replaces the last one beside the resource. */
  log(severity: Severity, message: string, status?: boolean): void;
}

/** A resource as it was found: what of its inputs and of its computed outputs could be read. */
export type Observed = Values;

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
  /** The computed outputs after a change, or the state itself where they stay; default: they stay. */
  update?(inputs: Values, state: Values, context: Context): Promise<Values>;
  delete?(inputs: Values, state: Values, context: Context): Promise<void>;
  /** What the resource is like now, undefined when it is gone; default: as it was. An input that differs is shown by `refresh`. */
  read?(state: Values, context: Context): Promise<Observed | undefined>;
  /** The input that names it where it is made: a replacement of the same name can't be made before the old one is gone. */
  named?: string;
  /** The old one goes before a replacement is made, whatever its name. */
  deleteBeforeReplace?: boolean;
}

/** A function of the plugin: what a program calls to look something up. */
export interface Lookup {
  inputs: Properties;
  /** @throws Error with what the real plugin says when there is nothing, or too much, to be found */
  call(inputs: Values): Promise<Values>;
}

export interface Plugin {
  name: string;
  version: string;
  resources: Record<string, ResourceType>;
  /** @default none */
  functions?: Record<string, Lookup>;
  /** Settings of the provider. @default none */
  config?: Properties;
  /** Whether what is under way ends when the engine cancels. Plugins that come from Terraform finish it. @default false */
  cancels?: boolean;
  /** Takes the settings of the provider, checked. @throws Error when it can't work with them */
  configure?(settings: Values): void;
}
