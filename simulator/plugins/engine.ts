// For tests: starts a stand-in plugin and speaks to it as the Pulumi engine does.
import { credentials, type ServiceError } from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct, type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { plainObject, type Values } from "./lib/wire";

const struct = (values: Values): Struct =>
  Struct.fromJavaScript(
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<
      string,
      JavaScriptValue
    >,
  );
const values = (given: Struct | undefined): Values => (given ? (given.toJavaScript() as Values) : {});

export interface Resource {
  id: string;
  inputs: Values;
  /** The outputs, without secret marks. */
  state: Values;
  /** The outputs as they were sent. */
  marked: Values;
}

export class Engine {
  private constructor(
    private readonly child: ChildProcess,
    private readonly client: ResourceProviderClient,
  ) {}

  static async start(executable: string): Promise<Engine> {
    const child = spawn(executable, ["127.0.0.1:9"], { stdio: ["ignore", "pipe", "inherit"] });
    const [port] = (await once(child.stdout!, "data")) as [Buffer];
    const client = new ResourceProviderClient(`127.0.0.1:${port.toString().trim()}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
    });
    return new Engine(child, client);
  }

  /** Gives the provider its settings, as the stack's configuration does: all but text is JSON. @throws Error with what it refuses */
  async configure(settings: Values): Promise<void> {
    const news = struct(settings);
    const check = new proto.CheckRequest().setUrn(urn("pulumi:providers:it")).setNews(news);
    const checked = await this.ask<proto.CheckResponse>((done) => this.client.checkConfig(check, done));
    if (checked.getFailuresList().length > 0) throw new Error(faults(checked).join("\n"));
    const request = new proto.ConfigureRequest().setArgs(news);
    await this.ask<proto.ConfigureResponse>((done) => this.client.configure(request, done));
  }

  /** Calls a function of the plugin. */
  async invoke(token: string, inputs: Values): Promise<Values> {
    const request = new proto.InvokeRequest().setTok(token).setArgs(struct(inputs));
    const response = await this.ask<proto.InvokeResponse>((done) => this.client.invoke(request, done));
    const failures = response.getFailuresList().map((failure) => failure.getReason());
    if (failures.length > 0) throw new Error(failures.join("\n"));
    return plainObject(values(response.getReturn()));
  }

  async stop(): Promise<void> {
    this.client.close();
    const ended = once(this.child, "exit");
    this.child.kill("SIGINT");
    await ended;
  }

  private ask<T>(send: (done: (error: ServiceError | null, response: T) => void) => unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      send((error, response) => (error ? reject(new Error(error.details)) : resolve(response)));
    });
  }

  private checkOf(type: string, inputs: Values): Promise<proto.CheckResponse> {
    const request = new proto.CheckRequest().setUrn(urn(type)).setNews(struct(inputs));
    return this.ask<proto.CheckResponse>((done) => this.client.check(request, done));
  }

  /** The faults of the inputs, as "property: reason". */
  async check(type: string, inputs: Values): Promise<string[]> {
    return faults(await this.checkOf(type, inputs));
  }

  async create(type: string, given: Values, { preview = false, timeout = 0 } = {}): Promise<Resource> {
    const checked = await this.checkOf(type, given);
    if (checked.getFailuresList().length > 0) {
      throw new Error(faults(checked).join("\n"));
    }
    const inputs = values(checked.getInputs());
    const request = new proto.CreateRequest().setUrn(urn(type)).setProperties(struct(inputs));
    request.setPreview(preview).setTimeout(timeout);
    const response = await this.ask<proto.CreateResponse>((done) => this.client.create(request, done));
    return resource(response.getId(), inputs, response.getProperties());
  }

  private diffOf(type: string, old: Resource, inputs: Values): Promise<proto.DiffResponse> {
    const request = new proto.DiffRequest().setUrn(urn(type)).setId(old.id);
    request.setOlds(struct(old.marked)).setOldInputs(struct(old.inputs)).setNews(struct(inputs));
    return this.ask<proto.DiffResponse>((done) => this.client.diff(request, done));
  }

  /** Paths that changed, each with the kind of its change. */
  async diff(type: string, old: Resource, inputs: Values): Promise<Record<string, string>> {
    const response = await this.diffOf(type, old, inputs);
    const names = Object.keys(proto.PropertyDiff.Kind);
    return Object.fromEntries(
      [...response.getDetaileddiffMap().entries()].map(([path, detail]) => [path, names[detail.getKind()] ?? ""]),
    );
  }

  /** Whether the old one is deleted before its replacement is made. */
  async deletesFirst(type: string, old: Resource, inputs: Values): Promise<boolean> {
    return (await this.diffOf(type, old, inputs)).getDeletebeforereplace();
  }

  async update(type: string, old: Resource, inputs: Values, { preview = false } = {}): Promise<Resource> {
    const request = new proto.UpdateRequest().setUrn(urn(type)).setId(old.id).setPreview(preview);
    request.setOlds(struct(old.marked)).setOldInputs(struct(old.inputs)).setNews(struct(inputs));
    const response = await this.ask<proto.UpdateResponse>((done) => this.client.update(request, done));
    return resource(old.id, inputs, response.getProperties());
  }

  /** The resource as it is found; undefined when it is gone. */
  async read(type: string, old: Resource): Promise<Resource | undefined> {
    const request = new proto.ReadRequest().setUrn(urn(type)).setId(old.id);
    request.setProperties(struct(old.marked)).setInputs(struct(old.inputs));
    const response = await this.ask<proto.ReadResponse>((done) => this.client.read(request, done));
    if (!response.getId()) return undefined;
    return resource(response.getId(), values(response.getInputs()), response.getProperties());
  }

  async delete(type: string, old: Resource): Promise<void> {
    const request = new proto.DeleteRequest().setUrn(urn(type)).setId(old.id).setProperties(struct(old.marked));
    await this.ask<Empty>((done) => this.client.delete(request, done));
  }

  async cancel(): Promise<void> {
    await this.ask<Empty>((done) => this.client.cancel(new Empty(), done));
  }
}

const urn = (type: string): string => `urn:pulumi:test::project::${type}::it`;

const faults = (response: proto.CheckResponse): string[] =>
  response.getFailuresList().map((failure) => `${failure.getProperty()}: ${failure.getReason()}`);

const resource = (id: string, inputs: Values, state: Struct | undefined): Resource => ({
  id,
  inputs,
  state: plainObject(values(state)),
  marked: values(state),
});
