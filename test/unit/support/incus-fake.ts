/**
 * A strict stand-in for incusd on a unix socket: it knows the requests that the driver makes and nothing else, holds to
 * Incus' own rules (what must exist, what must be stopped, ETags), and records what it was asked. A request that it does
 * not know, or that real Incus would not take, ends up in `faults`.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as http from "node:http";
import * as os from "node:os";
import * as path from "node:path";
import type { IncusInstance, IncusNetwork } from "../../../components/incus/model";

// What comes over the wire: the checks below are all the types it has.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Body = Record<string, any>;
interface Answer {
  code?: number;
  error?: string;
  metadata?: unknown;
  etag?: string;
  /** Where it is not the HTTP status. */
  errorCode?: number;
  /** Outcome of a background operation: "" for success. */
  operation?: string;
}

interface FakeInstance extends IncusInstance {
  version: number;
  /** Templates by name, what the metadata says of them, and what the first start made of them. */
  texts: Record<string, string>;
  templates: Record<string, { when: string[]; template: string; mode: string }>;
  files: Record<string, string>;
}

export class FakeIncus {
  readonly instances = new Map<string, FakeInstance>();
  readonly networks = new Map<string, IncusNetwork & { version: number }>();
  readonly images = new Set(["img"]);
  readonly pools = new Set(["pool"]);
  warnings: Body[] = [];
  /** "METHOD path" of every request, in order. */
  readonly requests: string[] = [];
  readonly faults: string[] = [];
  /** Errors to answer with instead, by "METHOD path": each is used once, in order. */
  readonly refusals: { request: string; code?: number; error: string; late?: boolean }[] = [];
  private readonly operations: string[] = [];
  private readonly server = http.createServer((request, response) => void this.serve(request, response));
  private readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "fake-incus-"));
  readonly socket = path.join(this.folder, "unix.socket");

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(this.socket, resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    fs.rmSync(this.folder, { recursive: true });
  }

  /** Closes all connections, as a daemon does with idle ones. */
  dropConnections(): void {
    this.server.closeAllConnections();
  }

  /** Requests other than GET: what was changed. */
  get changes(): string[] {
    return this.requests.filter((request) => !request.startsWith("GET "));
  }

  instance(name: string, config: Record<string, string> = {}, status = "Running"): void {
    const eth0 = { type: "nic", network: "net" };
    const uuid = { "volatile.uuid": `uuid-${name}` };
    this.add(name, { status, type: "container", config: { ...uuid, ...config }, devices: { eth0 } });
  }

  private add(name: string, instance: IncusInstance): void {
    this.instances.set(name, { ...instance, version: 1, texts: {}, templates: {}, files: {} });
  }

  network(name: string, config: Record<string, string>, used: string[] = [], managed = true): void {
    const used_by = used.map((user) => `/1.0/instances/${user}`);
    this.networks.set(name, { managed, config, used_by, version: 1 });
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(request.url ?? "", "http://incus");
    const line = `${request.method} ${url.pathname}`;
    if (!url.pathname.startsWith("/1.0/operations/")) this.requests.push(line);
    let answer: Answer;
    try {
      const refusal = this.refusals.findIndex((each) => each.request === line);
      const [refused] = refusal < 0 ? [] : this.refusals.splice(refusal, 1);
      if (refused) answer = refused.late ? { operation: refused.error } : { code: refused.code ?? 400, ...refused };
      else answer = this.answer(request, url, text);
    } catch (error) {
      this.faults.push(`${line}: ${(error as Error).message}`);
      answer = { code: 500, error: (error as Error).message };
    }
    const { code = 200, error = "", metadata = null, etag, operation, errorCode = error ? code : 0 } = answer;
    const id = operation === undefined || error ? "" : `/1.0/operations/${this.operations.push(operation) - 1}`;
    const type = error ? "error" : id ? "async" : "sync";
    response.writeHead(id ? 202 : code, { "content-type": "application/json", ...(etag ? { etag } : {}) });
    response.end(JSON.stringify({ type, operation: id, error, error_code: errorCode, metadata }));
  }

  private answer(request: http.IncomingMessage, url: URL, text: string): Answer {
    const [version, kind, name, ...rest] = url.pathname.slice(1).split("/").map(decodeURIComponent);
    assert.equal(version, "1.0");
    const body = () => JSON.parse(text) as Body;
    switch (`${request.method} ${kind} ${name === undefined ? "" : "NAME"} ${rest.join("/")}`.trimEnd()) {
      case "GET operations NAME wait": {
        const error = this.operations[Number(name)];
        assert.notEqual(error, undefined, "no such operation");
        assert.ok(Number(url.searchParams.get("timeout")) > 0, "waiting without a limit");
        // As the real one does: the status line is sent before the outcome is known.
        return error ? { error, code: 200, errorCode: 500 } : { metadata: { status_code: 200, err: "" } };
      }
      case "GET warnings":
        return { metadata: this.warnings };
      case "GET storage-pools NAME":
        return this.pools.has(name!) ? { metadata: {} } : missing("Storage pool");
      case `GET images NAME ${rest[0]}`:
        assert.equal(name, "aliases");
        return this.images.has(rest[0]!) ? { metadata: {} } : missing("Image alias");
      case "GET instances NAME":
        return found(this.instances.get(name!), "Instance");
      case "GET networks NAME":
        return found(this.networks.get(name!), "Network");
      case "POST instances":
        return this.createInstance(body());
      case "POST instances NAME metadata/templates":
        return this.writeTemplate(name!, url, request.headers, text);
      case "PATCH instances NAME metadata":
        Object.assign(this.instances.get(name!)!.templates, body().templates);
        return {};
      case "PUT instances NAME":
        return { operation: "", ...replace(this.instances.get(name!), body(), request.headers["if-match"]) };
      case "PUT instances NAME state":
        return this.power(name!, body());
      case "DELETE instances NAME":
        if (this.instances.get(name!)?.status !== "Stopped") return { code: 400, error: "Instance is running" };
        this.instances.delete(name!);
        return { operation: "" };
      case "POST networks":
        assert.equal(this.networks.has(body().name), false, "the network exists");
        assert.equal(body().type, "bridge");
        this.network(body().name, body().config);
        return {};
      case "PUT networks NAME":
        return replace(this.networks.get(name!), body(), request.headers["if-match"]);
      case "DELETE networks NAME":
        if (this.networks.get(name!)?.used_by?.some((user) => this.instances.has(user.split("/").pop()!))) {
          return { code: 400, error: "The network is currently in use" };
        }
        return this.networks.delete(name!) ? {} : missing("Network");
    }
    throw new Error("the driver has no business asking this");
  }

  private createInstance(body: Body): Answer {
    assert.equal(this.instances.has(body.name), false, "the instance exists");
    assert.deepEqual(body.profiles, []);
    assert.ok(this.images.has(body.source.alias), "no such image");
    assert.ok(this.pools.has(body.devices.root.pool), "no such pool");
    assert.equal(body.devices.root.path, "/");
    for (const value of Object.values(body.config)) assert.equal(typeof value, "string", "config values are text");
    const config = { ...body.config, "volatile.uuid": `uuid-${body.name}` };
    const { type, devices } = body;
    this.add(body.name, { status: "Stopped", type, config, devices });
    return { operation: "" };
  }

  private writeTemplate(name: string, url: URL, headers: http.IncomingHttpHeaders, text: string): Answer {
    const target = this.instances.get(name);
    assert.ok(target, "no such instance");
    assert.equal(headers["content-type"], "application/octet-stream");
    const file = url.searchParams.get("path")!;
    assert.match(file, /\.tpl$/);
    assert.ok(!/{[{%]/.test(text), "the text is a template");
    target.texts[file] = text;
    return {};
  }

  private power(name: string, { action, force, timeout }: Body): Answer {
    const target = this.instances.get(name);
    if (!target) return missing("Instance");
    assert.ok(action !== "stop" || force || timeout > 0, "a clean stop without a time limit may never end");
    const from = { start: "Stopped", stop: "Running", freeze: "Running", unfreeze: "Frozen" }[action as string];
    assert.ok(from, `no action ${action}`);
    const stopsFrozen = action === "stop" && force && target.status === "Frozen";
    if (target.status !== from && !stopsFrozen) {
      return { operation: `The instance is already ${action === "start" ? "running" : "stopped"}` };
    }
    target.status = { stop: "Stopped", freeze: "Frozen" }[action as string] ?? "Running";
    for (const [file, { when, template, mode }] of Object.entries(action === "start" ? target.templates : {})) {
      assert.deepEqual(when, ["create"]);
      assert.ok(template in target.texts, `no template ${template}`);
      target.files[file] ??= `${mode} ${target.texts[template]}`;
    }
    return { operation: "" };
  }
}

const missing = (what: string): Answer => ({ code: 404, error: `${what} not found` });

function found(object: { version: number } | undefined, what: string): Answer {
  return object ? { metadata: object, etag: `"${object.version}"` } : missing(what);
}

function replace(object: { version: number } | undefined, body: Body, ifMatch: string | undefined): Answer {
  if (!object) return missing("Object");
  if (ifMatch !== `"${object.version}"`) return { code: 412, error: "Precondition failed" };
  assert.equal(typeof body.config, "object", "PUT replaces everything: it must hold the whole config");
  Object.assign(object, { config: body.config, ...(body.devices ? { devices: body.devices } : {}) });
  object.version++;
  return {};
}
