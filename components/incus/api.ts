/**
 * A client of Incus' REST interface over its unix socket: the few calls the driver needs, and error messages that say
 * what to do. Reference: https://linuxcontainers.org/incus/docs/main/rest-api/
 */
import * as fs from "node:fs";
import * as http from "node:http";

/** The longest that one operation inside Incus (create, start, delete ...) may take, in seconds. */
const OPERATION_SECONDS = 120;

/** A request that Incus answered with an error, or that did not reach it (status 0). Prints as its message alone. */
export class IncusError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "Incus";
    // Pulumi's dynamic provider prints the stack of whatever is thrown; the message says all that helps a user.
    this.stack = "";
  }
}

/** Where the daemon listens: INCUS_SOCKET, else INCUS_DIR, else the two places that packages use. */
export function socketPath(env = process.env): string {
  if (env.INCUS_SOCKET) return env.INCUS_SOCKET;
  if (env.INCUS_DIR) return `${env.INCUS_DIR}/unix.socket`;
  const usual = ["/var/lib/incus/unix.socket", "/run/incus/unix.socket"];
  return usual.find((path) => fs.existsSync(path)) ?? usual[0]!;
}

interface Reply {
  status: number;
  etag: string;
  /** Decoded JSON envelope, the same around all answers. */
  body: { type?: string; operation?: string; error?: string; error_code?: number; metadata?: unknown };
}

export class Incus {
  // One wait per instance is open at a time, so connections are not limited; kept alive, they cost no set-up again.
  private readonly agent = new http.Agent({ keepAlive: true });

  constructor(private readonly socket = socketPath()) {}

  /** The object at `path`. @throws IncusError, with status 404 when it does not exist. */
  async get<T>(path: string): Promise<T> {
    return (await this.request("GET", path)).body.metadata as T;
  }

  /** The object at `path`, or undefined when it does not exist. */
  async find<T>(path: string): Promise<T | undefined> {
    try {
      return await this.get<T>(path);
    } catch (error) {
      if (error instanceof IncusError && error.status === 404) return undefined;
      throw error;
    }
  }

  /**
   * Makes a change and waits until it is done, also when Incus does it in the background. `body` goes as JSON, text as
   * it is.
   */
  async run(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<void> {
    await this.finish(await this.request(method, path, body));
  }

  /**
   * Reads the object at `path`, lets `edit` alter it, and writes it back unless somebody else changed it in between
   * (then it starts over).
   */
  async edit<T>(path: string, edit: (current: T) => T): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { body, etag } = await this.request("GET", path);
      try {
        const reply = await this.request("PUT", path, edit(body.metadata as T), etag ? { "if-match": etag } : {});
        return await this.finish(reply);
      } catch (error) {
        if (!(error instanceof IncusError && error.status === 412) || attempt === 5) throw error;
      }
    }
  }

  private async finish(reply: Reply): Promise<void> {
    if (reply.body.type !== "async") return;
    await this.get(`${reply.body.operation}/wait?timeout=${OPERATION_SECONDS}`);
  }

  private async request(method: string, path: string, body?: unknown, headers: http.OutgoingHttpHeaders = {}) {
    const raw = typeof body === "string";
    const payload = body === undefined ? undefined : raw ? body : JSON.stringify(body);
    const type = payload === undefined ? {} : { "content-type": raw ? "application/octet-stream" : "application/json" };
    const reply = await this.send(method, path, payload, { ...type, ...headers });
    const { type: kind, error_code, error } = reply.body;
    if (reply.status < 400 && kind !== "error") return reply;
    // A wait begins its answer, with status 200, before it knows how the operation ends: the code inside counts.
    const message = error === "context deadline exceeded" ? `not done after ${OPERATION_SECONDS} s` : error;
    throw new IncusError(error_code || reply.status, message || `HTTP status ${reply.status}`);
  }

  private send(method: string, path: string, payload: string | undefined, headers: http.OutgoingHttpHeaders) {
    return new Promise<Reply>((resolve, reject) => {
      const options = {
        socketPath: this.socket,
        agent: this.agent,
        method,
        path,
        headers: { host: "incus", ...headers },
      };
      const request = http.request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", (error) => reject(this.unreachable(error)));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          try {
            const body = JSON.parse(text) as Reply["body"];
            resolve({ status: response.statusCode ?? 0, etag: response.headers.etag ?? "", body });
          } catch {
            reject(new IncusError(0, `${this.socket} does not speak Incus' protocol: ${text.slice(0, 100)}`));
          }
        });
      });
      request.on("error", (error: NodeJS.ErrnoException) => {
        // The daemon may close an idle connection just as it is used again: it took nothing, so it is safe to repeat.
        if (request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE")) {
          resolve(this.send(method, path, payload, headers));
        } else {
          reject(this.unreachable(error));
        }
      });
      request.end(payload);
    });
  }

  private unreachable(error: NodeJS.ErrnoException): IncusError {
    const advice: Record<string, string> = {
      ENOENT: `no socket at ${this.socket}. Run \`npm run setup\`, which installs and starts Incus`,
      ECONNREFUSED: `nothing listens at ${this.socket}. Run \`npm run setup\`, which starts the daemon`,
      EACCES:
        `this user may not open ${this.socket}. ` +
        "Run `sudo adduser $USER incus-admin`, then `newgrp incus-admin` (or log in again)",
    };
    return new IncusError(
      0,
      `Incus can't be reached: ${advice[error.code ?? ""] ?? `${this.socket}: ${error.message}`}.`,
    );
  }
}
