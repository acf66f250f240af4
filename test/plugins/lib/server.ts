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
import type { Change, Context, Plugin, ResourceType } from "./plugin";
import { plainObject, secret, UNKNOWN, type Values } from "./wire";

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
  const within = async <T>(urn: string, timeout: number, work: (context: Context) => Promise<T>): Promise<T> => {
    const signal =
      timeout > 0 ? AbortSignal.any([cancelled.signal, AbortSignal.timeout(timeout * 1000)]) : cancelled.signal;
    try {
      return await work({ name: parseUrn(urn).name, signal, log: log.of(urn) });
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
      const extra = Object.keys(values(request.getNews())).filter(
        (key) => !["version", "pluginDownloadURL"].includes(key) && !key.startsWith("__"),
      );
      response.setFailuresList(
        extra.map((key) =>
          new proto.CheckFailure()
            .setProperty(key)
            .setReason(`the stand-in plugin "${plugin.name}" has no provider setting "${key}"`),
        ),
      );
      return response;
    },
    diffConfig: () => new proto.DiffResponse().setChanges(proto.DiffResponse.DiffChanges.DIFF_NONE),
    configure: () => new proto.ConfigureResponse().setAcceptsecrets(true).setSupportspreview(true),

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
      return diffResponse(changes(type, oldInputs, values(request.getNews()), state));
    },

    async create(request: proto.CreateRequest): Promise<proto.CreateResponse> {
      const { type } = find(request.getUrn());
      const inputs = values(request.getProperties());
      if (request.getPreview()) {
        return new proto.CreateResponse().setProperties(outputs(type, inputs, unknown(type)));
      }
      return within(request.getUrn(), request.getTimeout(), async (context) => {
        const created = await type.create(planned(type, inputs), context);
        return new proto.CreateResponse().setId(created.id).setProperties(outputs(type, inputs, created.outputs));
      });
    },

    async update(request: proto.UpdateRequest): Promise<proto.UpdateResponse> {
      const { type } = find(request.getUrn());
      const inputs = values(request.getNews());
      const state = plainObject(values(request.getOlds()));
      const kept = Object.fromEntries(type.computed.map((key) => [key, state[key]]));
      if (request.getPreview()) {
        return new proto.UpdateResponse().setProperties(outputs(type, inputs, type.recomputes ? unknown(type) : kept));
      }
      return within(request.getUrn(), request.getTimeout(), async (context) => {
        const computed = type.update ? await type.update(planned(type, inputs), state, context) : kept;
        return new proto.UpdateResponse().setProperties(outputs(type, inputs, computed));
      });
    },

    async delete(request: proto.DeleteRequest): Promise<Empty> {
      const { type } = find(request.getUrn());
      const state = plainObject(values(request.getProperties()));
      await within(request.getUrn(), request.getTimeout(), async (context) =>
        type.delete?.(planned(type, inputsOf(type, state)), state, context),
      );
      return new Empty();
    },

    read(request: proto.ReadRequest): proto.ReadResponse {
      find(request.getUrn());
      if (Object.keys(values(request.getProperties())).length === 0) {
        throw new Error(`the stand-in plugin "${plugin.name}" can't import or look up resources`);
      }
      return new proto.ReadResponse()
        .setId(request.getId())
        .setProperties(request.getProperties())
        .setInputs(request.getInputs());
    },

    invoke(request: proto.InvokeRequest): never {
      throw new Error(`the stand-in plugin "${plugin.name}" has no function ${request.getTok()}`);
    },
    getSchema: () =>
      new proto.GetSchemaResponse().setSchema(JSON.stringify({ name: plugin.name, version: plugin.version })),
    getPluginInfo: () => new PluginInfo().setVersion(plugin.version),
    attach(request: { getAddress(): string }): Empty {
      log.connect(request.getAddress());
      return new Empty();
    },
    cancel(): Empty {
      cancelled.abort(new Error("context canceled"));
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

const inputsOf = (type: ResourceType, state: Values): Values =>
  Object.fromEntries(Object.entries(state).filter(([key]) => Object.hasOwn(type.inputs, key)));

function diffResponse(found: Change[]): proto.DiffResponse {
  const { DIFF_NONE, DIFF_SOME } = proto.DiffResponse.DiffChanges;
  const response = new proto.DiffResponse().setChanges(found.length > 0 ? DIFF_SOME : DIFF_NONE);
  const roots = (list: Change[]): string[] => [...new Set(list.map(({ path }) => path.replace(/[.[].*$/s, "")))];
  response.setDiffsList(roots(found));
  response.setReplacesList(roots(found.filter(({ replace }) => replace)));
  response.setHasdetaileddiff(true);
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
