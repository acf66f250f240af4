import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { strictMocks } from "./mocks";
import { ProviderError, type Calls } from "./mocks-aws";

type Properties = Record<string, unknown>;

/** What stands in a recorded value for a secret. */
export const secretMark = "[secret]";
/** What stands in a recorded value for something that is not known in a preview. */
export const unknownMark = "[unknown]";

/** A resource as the program registered it. */
export interface Registered {
  urn: string;
  type: string;
  name: string;
  /** URN of the parent; "" for the stack. */
  parent: string;
  custom: boolean;
  /** Inputs. What is secret in the registration, whatever its name, is `secretMark`. */
  inputs: Properties;
  /** URNs. */
  dependencies: string[];
  /** Of each input the URNs of those whose outputs it is made from. */
  madeFrom: Record<string, string[]>;
  /** How long the provider may take to delete it, "20m"; undefined: as long as it does by itself. */
  deleteTimeout?: string;
  deletedWith: string;
  /** Inputs that count at creation only. */
  ignoreChanges: string[];
  /** Pulumi refuses to delete it. */
  protect: boolean;
  /** Pulumi forgets it instead of deleting it. */
  retainOnDelete: boolean;
  deleteBeforeReplace: boolean;
  /** Outputs registered by a component or the stack. */
  outputs?: Properties;
}

// How the engine's protocol writes a secret and a value not known yet (pulumi/sdk/nodejs/runtime/rpc.ts).
const { specialSigKey, specialSecretSig, unknownValue } = pulumi.runtime;
// Exported, but not in the published types.
const { waitForRPCs } = pulumi.runtime as unknown as { waitForRPCs(): Promise<void> };

/** A value as registered, with marks in place of secrets and unknown values. */
function marked(value: unknown): unknown {
  if (value === unknownValue) return unknownMark;
  if (Array.isArray(value)) return value.map(marked);
  if (value === null || typeof value !== "object") return value;
  const properties = value as Properties;
  if (properties[specialSigKey] === specialSecretSig) return secretMark;
  return Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, marked(inner)]));
}

interface Struct {
  toJavaScript(): Properties;
}
/** The parts of the protocol's messages that are read here. */
interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getObject(): Struct | undefined;
  getDependenciesList(): string[];
  getPropertydependenciesMap(): { forEach(visit: (on: { getUrnsList(): string[] }, key: string) => void): void };
  getCustomtimeouts(): { getDelete(): string } | undefined;
  getDeletedwith(): string;
  getIgnorechangesList(): string[];
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getDeletebeforereplace(): boolean;
  getAdditionalsecretoutputsList(): string[];
}
interface Response {
  getUrn(): string;
  getObject(): Struct;
  setObject(object: Struct): void;
}
type Callback<T> = (error: Error | null, response: T) => void;
interface Monitor {
  registerResource(request: Request, callback: Callback<Response>): Promise<void>;
  registerResourceOutputs(
    request: { getUrn(): string; getOutputs(): Struct | undefined },
    callback: Callback<object>,
  ): void;
  invoke(request: object, callback: Callback<object>): Promise<void>;
}

/** What was registered, and what the mocks refused. */
interface Recording {
  registered: Registered[];
  refused: Error[];
}

/** Listens to a mock monitor; like the engine, it makes those outputs secret of which a resource says they are. */
function record(monitor: Monitor): Recording {
  const registered: Registered[] = [];
  const refused: Error[] = [];
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) =>
    register(request, (error, response) => {
      if (error) {
        refused.push(error);
        return callback(error, response);
      }
      const madeFrom: Registered["madeFrom"] = {};
      request.getPropertydependenciesMap().forEach((on, key) => (madeFrom[key] = on.getUrnsList()));
      registered.push({
        urn: response.getUrn(),
        type: request.getType(),
        name: request.getName(),
        parent: request.getParent(),
        custom: request.getCustom(),
        inputs: marked(request.getObject()?.toJavaScript() ?? {}) as Properties,
        dependencies: request.getDependenciesList(),
        madeFrom,
        deleteTimeout: request.getCustomtimeouts()?.getDelete() || undefined,
        deletedWith: request.getDeletedwith(),
        ignoreChanges: request.getIgnorechangesList(),
        protect: request.getProtect(),
        retainOnDelete: request.getRetainondelete(),
        deleteBeforeReplace: request.getDeletebeforereplace(),
      });
      const state = response.getObject();
      const properties = state.toJavaScript();
      for (const key of request.getAdditionalsecretoutputsList()) {
        if (key in properties) properties[key] = { [specialSigKey]: specialSecretSig, value: properties[key] };
      }
      const struct = state.constructor as unknown as { fromJavaScript(from: unknown): Struct };
      response.setObject(struct.fromJavaScript(properties));
      callback(null, response);
    });
  const registerOutputs = monitor.registerResourceOutputs.bind(monitor);
  monitor.registerResourceOutputs = (request, callback) => {
    const resource = registered.find(({ urn }) => urn === request.getUrn());
    if (resource) resource.outputs = marked(request.getOutputs()?.toJavaScript() ?? {}) as Properties;
    registerOutputs(request, callback);
  };
  const invoke = monitor.invoke.bind(monitor);
  monitor.invoke = (request, callback) =>
    invoke(request, (error, response) => {
      // An error that the mocks answer with on purpose is the program's to deal with.
      if (error && !(error instanceof ProviderError)) refused.push(error);
      callback(error, response);
    });
  return { registered, refused };
}

/** A program's resources, by URN, and the values of its stack outputs, unmasked. */
export interface Run {
  resources: Map<string, Registered>;
  outputs: Properties;
}

/**
 * Runs a program under strict mocks.
 * @param preview as in `pulumi preview`: what a provider makes up is not known
 * @param calls answers of provider functions in place of the usual ones
 */
export async function runProgram(
  program: () => unknown,
  {
    config = {},
    stack = "dev",
    preview = false,
    calls,
  }: { config?: Record<string, string>; stack?: string; preview?: boolean; calls?: Calls },
): Promise<Run> {
  await pulumi.runtime.setMocks(strictMocks(calls), "pgha", stack, preview);
  const { registered, refused } = record(pulumi.runtime.getMonitor() as unknown as Monitor);
  pulumi.runtime.setAllConfig(config);
  // What fails where nobody waits for it, as an `apply` whose result is not used, fails `pulumi up` too.
  const listeners = process.listeners("unhandledRejection");
  // A resource whose inputs failed is never registered, and what depends on it would be waited for without end.
  let giveUp: NodeJS.Timeout | undefined;
  let abandon: (reason: unknown) => void;
  const stuck = new Promise<never>((_, reject) => (abandon = reject));
  const note = (reason: unknown) => {
    refused.push(reason as Error);
    giveUp ??= setTimeout(() => abandon(reason), 2000);
  };
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", note);
  // Pulumi takes a stack trace for every property of every resource; with source maps they would be most of the run.
  const mapped = process.sourceMapsEnabled;
  process.setSourceMapsEnabled(false);
  try {
    const run = pulumi.runtime
      .runInPulumiStack(async () => program())
      .then(async (outputs) => {
        await waitForRPCs();
        return outputs;
      });
    const outputs = ((await Promise.race([run, stuck])) ?? {}) as Properties;
    await new Promise(setImmediate);
    if (refused.length > 0) throw refused[0]!;
    return { resources: new Map(registered.map((resource) => [resource.urn, resource])), outputs };
  } catch (error) {
    // What was refused first is the cause of what failed after it.
    throw refused[0] ?? error;
  } finally {
    clearTimeout(giveUp);
    process.setSourceMapsEnabled(mapped);
    process.off("unhandledRejection", note);
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }
}

/** Runs this project's program, `index.ts`, with a stack's configuration. */
export function runIndex(
  config: Record<string, string>,
  options: { stack?: string; preview?: boolean; calls?: Calls } = {},
): Promise<Run> {
  const file = require.resolve(join(__dirname, "../../../index.ts"));
  return runProgram(
    () => {
      delete require.cache[file];
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import runs a program once only
      const exported = require(file) as unknown;
      // An async program exports a function, which Pulumi calls.
      return typeof exported === "function" ? (exported() as unknown) : exported;
    },
    { config, ...options },
  );
}
