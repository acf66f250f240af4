// A gRPC resource provider for the engine. `@pulumi/pulumi/provider` is not used: its server drops the preview flag
// (a preview would run the commands), the old inputs, the detailed diff and the timeouts.
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/provider_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct, type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";
import { failures, planned } from "./check";
import { changes } from "./diff";
import { EngineLog } from "./log";
import { observedInputs } from "./observed";
import type { Change, Context, Plugin, ResourceType } from "./plugin";
import { settingsOf } from "./settings";
import { isUnknown, plainObject, secret, UNKNOWN, type Values } from "./wire";

const values = (struct: Struct | undefined): Values => (struct ? (struct.toJavaScript() as Values) : {});

// A Struct has no undefined.
const struct = (given: Values): Struct =>
  Struct.fromJavaScript(
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Record<
      string,
      JavaScriptValue
    >,
  );

/** urn:pulumi:stack::project::parent$type::name */
function parseUrn(urn: string): { token: string; name: string } {
  const [, , types = "", ...name] = urn.split("::");
  return { token: types.split("$").at(-1) ?? "", name: name.join("::") };
}

/** Serves the plugin on a free port of the loopback interface and returns the port. */
export async function serve(plugin: Plugin, engine: string): Promise<number> {
  const cancelled = new AbortController();
  const log = new EngineLog(engine);

  const find = (urn: string): { type: ResourceType; token: string; name: string } => {
    const { token, name } = parseUrn(urn);
    const type = Object.hasOwn(plugin.resources, token) ? plugin.resources[token] : undefined;
    if (!type) {
      const known = Object.keys(plugin.resources).join(", ");
      throw new Error(
        `the stand-in plugin "${plugin.name}" has no resource ${token}; it has: ${known}. ` +
          `Install the real plugin (pulumi plugin install resource ${plugin.name} ${plugin.version}) to use others.`,
      );
    }
    return { type, token, name };
  };

  /** Runs work with a context of the resource; its log lines reach the engine before the answer does. */
  const within = async <T>(
    { urn, id = "", timeout = 0 }: { urn: string; id?: string; timeout?: number },
    work: (context: Context) => Promise<T>,
  ): Promise<T> => {
    const signal =
      timeout > 0 ? AbortSignal.any([cancelled.signal, AbortSignal.timeout(timeout * 1000)]) : cancelled.signal;
    try {
      return await work({ name: parseUrn(urn).name, id, signal, log: log.of(urn) });
    } finally {
      await log.flush();
    }
  };

  /** The outputs: what the program gave (with its secret marks), the defaults, and what the resource computed. */
  const outputs = (type: ResourceType, inputs: Values, computed: Values): Struct => {
    const all: Values = { ...planned(type, inputs), ...inputs, ...computed };
    for (const key of type.secretOutputs ?? []) {
      all[key] = secret(all[key]);
    }
    return struct(all);
  };

  const unknown = (type: ResourceType): Values => Object.fromEntries(type.computed.map((key) => [key, UNKNOWN]));

  const methods = {
    checkConfig(request: proto.CheckRequest): proto.CheckResponse {
      const response = new proto.CheckResponse().setInputs(request.getNews());
      const found = settingsOf(plugin, values(request.getNews())).failures;
      response.setFailuresList(
        found.map(({ property, reason }) => new proto.CheckFailure().setProperty(property).setReason(reason)),
      );
      return response;
    },
    diffConfig: () => new proto.DiffResponse().setChanges(proto.DiffResponse.DiffChanges.DIFF_NONE),
    configure(request: proto.ConfigureRequest): proto.ConfigureResponse {
      plugin.configure?.(settingsOf(plugin, values(request.getArgs())).settings);
      return new proto.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true);
    },

    check(request: proto.CheckRequest): proto.CheckResponse {
      const { type, token } = find(request.getUrn());
      const inputs = values(request.getNews());
      for (const [key, property] of Object.entries(type.inputs)) {
        if (property.secret && inputs[key] !== undefined && inputs[key] !== null) {
          inputs[key] = secret(inputs[key]);
        }
      }
      return new proto.CheckResponse()
        .setInputs(struct(inputs))
        .setFailuresList(
          failures(type, token, inputs).map(({ property, reason }) =>
            new proto.CheckFailure().setProperty(property).setReason(reason),
          ),
        );
    },

    diff(request: proto.DiffRequest): proto.DiffResponse {
      const { type } = find(request.getUrn());
      const state = plainObject(values(request.getOlds()));
      const oldInputs = request.hasOldInputs() ? values(request.getOldInputs()) : inputsOf(type, state);
      return diffResponse(type, changes(type, oldInputs, values(request.getNews()), state), values(request.getNews()));
    },

    async create(request: proto.CreateRequest): Promise<proto.CreateResponse> {
      const { type } = find(request.getUrn());
      const inputs = values(request.getProperties());
      if (request.getPreview()) {
        return new proto.CreateResponse().setProperties(outputs(type, inputs, unknown(type)));
      }
      return within({ urn: request.getUrn(), timeout: request.getTimeout() }, async (context) => {
        const created = await type.create(planned(type, inputs), context);
        return new proto.CreateResponse().setId(created.id).setProperties(outputs(type, inputs, created.outputs));
      });
    },

    async update(request: proto.UpdateRequest): Promise<proto.UpdateResponse> {
      const { type } = find(request.getUrn());
      const inputs = values(request.getNews());
      const state = plainObject(values(request.getOlds()));
      const old = kept(type, state);
      if (request.getPreview()) {
        return new proto.UpdateResponse().setProperties(outputs(type, inputs, type.recomputes ? unknown(type) : old));
      }
      const place = { urn: request.getUrn(), id: request.getId(), timeout: request.getTimeout() };
      return within(place, async (context) => {
        const computed = type.update ? await type.update(planned(type, inputs), state, context) : old;
        return new proto.UpdateResponse().setProperties(outputs(type, inputs, computedOf(type, computed)));
      });
    },

    async delete(request: proto.DeleteRequest): Promise<Empty> {
      const { type } = find(request.getUrn());
      const state = plainObject(values(request.getProperties()));
      const place = { urn: request.getUrn(), id: request.getId(), timeout: request.getTimeout() };
      await within(place, async (context) => type.delete?.(planned(type, inputsOf(type, state)), state, context));
      return new Empty();
    },

    async read(request: proto.ReadRequest): Promise<proto.ReadResponse> {
      const { type } = find(request.getUrn());
      const state = values(request.getProperties());
      if (Object.keys(state).length === 0) {
        throw new Error(`the stand-in plugin "${plugin.name}" can't import or look up resources`);
      }
      const response = new proto.ReadResponse();
      if (!type.read) {
        return response.setId(request.getId()).setProperties(request.getProperties()).setInputs(request.getInputs());
      }
      const place = { urn: request.getUrn(), id: request.getId() };
      const observed = await within(place, async (context) => type.read!(plainObject(state), context));
      if (!observed) return response; // an empty id says that it is gone
      const inputs = observedInputs(type, values(request.getInputs()), observed);
      return response
        .setId(request.getId())
        .setProperties(outputs(type, inputs, { ...kept(type, state), ...computedOf(type, observed) }))
        .setInputs(struct(inputs));
    },

    async invoke(request: proto.InvokeRequest): Promise<proto.InvokeResponse> {
      const token = request.getTok();
      const lookup = plugin.functions && Object.hasOwn(plugin.functions, token) ? plugin.functions[token] : undefined;
      if (!lookup) throw new Error(`the stand-in plugin "${plugin.name}" has no function ${token}`);
      const given = plainObject(values(request.getArgs()));
      const response = new proto.InvokeResponse();
      const found = failures(lookup, token, given);
      if (found.length > 0) {
        return response.setFailuresList(
          found.map(({ property, reason }) => new proto.CheckFailure().setProperty(property).setReason(reason)),
        );
      }
      return response.setReturn(struct(await lookup.call(planned(lookup, given))));
    },
    getSchema: () =>
      new proto.GetSchemaResponse().setSchema(JSON.stringify({ name: plugin.name, version: plugin.version })),
    getPluginInfo: () => new PluginInfo().setVersion(plugin.version),
    attach(request: { getAddress(): string }): Empty {
      log.connect(request.getAddress());
      return new Empty();
    },
    cancel(): Empty {
      if (plugin.cancels) cancelled.abort(new Error("context canceled"));
      return new Empty();
    },
  };

  const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  server.addService(
    ResourceProviderService,
    Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, unary(method as Method)])),
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  exitWithEngine();
  return port;
}

/** The computed outputs that the state has. */
const kept = (type: ResourceType, state: Values): Values =>
  Object.fromEntries(type.computed.map((key) => [key, state[key]]));

/** The computed outputs among what was observed. */
const computedOf = (type: ResourceType, observed: Values): Values =>
  Object.fromEntries(Object.entries(observed).filter(([key]) => type.computed.includes(key)));

const inputsOf = (type: ResourceType, state: Values): Values =>
  Object.fromEntries(Object.entries(state).filter(([key]) => Object.hasOwn(type.inputs, key)));

function diffResponse(type: ResourceType, found: Change[], news: Values): proto.DiffResponse {
  const { DIFF_NONE, DIFF_SOME } = proto.DiffResponse.DiffChanges;
  const response = new proto.DiffResponse().setChanges(found.length > 0 ? DIFF_SOME : DIFF_NONE);
  const roots = (list: Change[]): string[] => [...new Set(list.map(({ path }) => path.replace(/[.[].*$/s, "")))];
  response.setDiffsList(roots(found));
  response.setReplacesList(roots(found.filter(({ replace }) => replace)));
  response.setHasdetaileddiff(true);
  const renamed = found.some(({ path }) => path === type.named);
  const sameName = type.named !== undefined && !renamed && !isUnknown(news[type.named]);
  response.setDeletebeforereplace(Boolean(type.deleteBeforeReplace) || sameName);
  for (const { path, kind, replace, input } of found) {
    const name = `${kind.toUpperCase()}${replace ? "_REPLACE" : ""}` as keyof typeof proto.PropertyDiff.Kind;
    const detail = new proto.PropertyDiff().setKind(proto.PropertyDiff.Kind[name]).setInputdiff(input);
    response.getDetaileddiffMap().set(path, detail);
  }
  return response;
}

type Method = (request: unknown) => unknown;

function unary(method: Method) {
  return async (call: grpc.ServerUnaryCall<unknown, unknown>, callback: grpc.sendUnaryData<unknown>): Promise<void> => {
    try {
      callback(null, await method(call.request));
    } catch (error) {
      callback({ code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) });
    }
  };
}

/** The engine ends its plugins by SIGINT (Ctrl-C reaches only the engine); one whose engine was killed must end too. */
function exitWithEngine(): void {
  const engine = process.ppid;
  process.on("SIGINT", () => process.exit(0));
  setInterval(() => {
    if (process.ppid !== engine) {
      process.exit(0);
    }
  }, 2000).unref();
}
