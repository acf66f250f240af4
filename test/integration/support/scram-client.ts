/** A client of PostgreSQL's protocol of our own: it sends what drivers refuse to send, and tells what the server said. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { connect as secure, type ConnectionOptions } from "node:tls";

export interface Login {
  host: string;
  port: number;
  user: string;
  database: string;
  /** Sent as it is, also when it is empty. @default empty */
  password?: string;
  /** Options of the TLS connection; `false`: plaintext. @default TLS, the server's certificate not looked at */
  tls?: ConnectionOptions | false;
  /** Further parameters of the startup packet. @default none */
  startup?: Record<string, string>;
}

/** What became of a login. */
export interface Outcome {
  /** The server said that it is ready for queries. */
  in: boolean;
  /** The server's words, or those of TLS or the socket; empty for a login that went well. */
  said: string;
  /** SQLSTATE of the server's words; empty when they are not the server's. */
  code: string;
  /** The authentication the server asked for: `sasl`, `md5`, `plain`; empty: none. */
  asked: string;
  /** How long it took, ms. */
  took: number;
}

/** How long a server has for its answer, ms. */
const limit = 8000;

/** Tries to log in, and goes away at once. Never rejects. */
export async function tryLogin(login: Login): Promise<Outcome> {
  const started = performance.now();
  const outcome: Outcome = { in: false, said: "", code: "", asked: "", took: 0 };
  const plain = connect({ host: login.host, port: login.port, noDelay: true });
  plain.on("error", () => undefined);
  try {
    await converse(await encrypted(plain, login.tls), login, outcome);
  } catch (error) {
    outcome.said ||= (error as Error).message || String(error);
  } finally {
    plain.destroy();
  }
  outcome.took = Math.round(performance.now() - started);
  return outcome;
}

/** The connection, in TLS unless plaintext is wanted. */
async function encrypted(plain: Socket, tls: Login["tls"] = {}): Promise<Socket> {
  if (tls === false) return plain;
  const reader = new Reader(plain);
  plain.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])); // SSLRequest
  const answer = (await reader.take(1)).toString();
  reader.release();
  if (answer !== "S") throw new Error(`no TLS: ${answer}`);
  return new Promise((resolve, reject) => {
    const socket = secure({ socket: plain, rejectUnauthorized: false, ...tls });
    socket.once("secureConnect", () => resolve(socket)).on("error", reject);
    plain.once("close", () => reject(new Error("closed in the TLS handshake")));
    plain.setTimeout(limit, () => reject(new Error(`silent for ${limit / 1000} s in the TLS handshake`)));
  });
}

async function converse(socket: Socket, login: Login, outcome: Outcome): Promise<void> {
  const { user, database, password = "", startup = {} } = login;
  const reader = new Reader(socket);
  const parameters = Object.entries({ user, database, ...startup }).flat();
  const body = Buffer.from(`${parameters.join("\0")}\0\0`);
  socket.write(Buffer.concat([int(body.length + 8), int(196_608), body]));
  const exchange = new Scram(password);
  for (;;) {
    const kind = (await reader.take(1)).toString("latin1");
    const text = await reader.take((await reader.take(4)).readInt32BE() - 4);
    if (kind === "E") {
      outcome.code = field(text, "C");
      outcome.said = field(text, "M");
      return;
    }
    if (kind === "Z") {
      outcome.in = true;
      return;
    }
    if (kind !== "R") continue;
    const request = text.readInt32BE();
    if (request === 3 || request === 5) {
      outcome.asked = request === 3 ? "plain" : "md5";
      const md5 = (value: string, salt: string | Buffer) => createHash("md5").update(value).update(salt).digest("hex");
      send(socket, `${request === 3 ? password : `md5${md5(md5(password, user), text.subarray(4, 8))}`}\0`);
    } else if (request === 10) {
      outcome.asked = "sasl";
      const first = Buffer.from(exchange.first());
      send(socket, Buffer.concat([Buffer.from("SCRAM-SHA-256\0"), int(first.length), first]));
    } else if (request === 11) send(socket, exchange.proof(text.subarray(4).toString()));
  }
}

/** The client's side of SCRAM-SHA-256 (RFC 5802, 7677), without channel binding. */
class Scram {
  private readonly bare = `n=,r=${randomBytes(18).toString("base64")}`;

  constructor(private readonly password: string) {}

  first = (): string => `n,,${this.bare}`;

  proof(challenge: string): string {
    const [, nonce, salt, rounds] = /^r=([^,]*),s=([^,]*),i=(\d+)/.exec(challenge)!;
    const salted = pbkdf2Sync(this.password, Buffer.from(salt!, "base64"), Number(rounds), 32, "sha256");
    const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
    const key = hmac(salted, "Client Key");
    const last = `c=biws,r=${nonce}`;
    const signature = hmac(createHash("sha256").update(key).digest(), [this.bare, challenge, last].join(","));
    return `${last},p=${Buffer.from(key.map((byte, index) => byte ^ signature[index]!)).toString("base64")}`;
  }
}

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** Sends an answer to a request for authentication. */
const send = (socket: Socket, body: string | Buffer): boolean =>
  socket.write(Buffer.concat([Buffer.from("p"), int(Buffer.byteLength(body) + 4), Buffer.from(body)]));

/** A field of an ErrorResponse. */
const field = (body: Buffer, name: string): string =>
  body
    .toString()
    .split("\0")
    .find((part) => part.startsWith(name))
    ?.slice(1) ?? "";

/** Reads a socket by numbers of bytes. */
class Reader {
  private got = Buffer.alloc(0);
  private wake: (() => void) | undefined;
  private ended: Error | undefined;
  private readonly onData = (data: Buffer): void => {
    this.got = Buffer.concat([this.got, data]);
    this.wake?.();
  };

  constructor(private readonly socket: Socket) {
    const end = (error: Error) => {
      this.ended ??= error;
      this.wake?.();
    };
    socket.on("data", this.onData);
    socket.on("error", end).on("close", () => end(new Error("closed without a word")));
    socket.setTimeout(limit, () => end(new Error(`silent for ${limit / 1000} s`)));
  }

  async take(count: number): Promise<Buffer> {
    while (this.got.length < count) {
      if (this.ended) throw this.ended;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    const taken = this.got.subarray(0, count);
    this.got = this.got.subarray(count);
    return taken;
  }

  /** Leaves the socket to another reader. */
  release(): void {
    this.socket.off("data", this.onData).pause();
    this.socket.setTimeout(0);
  }
}
