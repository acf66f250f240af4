import { rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** PgBouncer as its console shows it: one database `app`. Messages of PostgreSQL's protocol and of PgBouncer 1.24. */
export class FakePgBouncer {
  paused = false;
  /** Database `app` is paused by its name: by hand, or by the gate of the release before. */
  pausedByName = false;
  /** Transactions that go on: a PAUSE waits for them. */
  active = 0;
  /** Answers of SHOW POOLS that still tell of a login under way. */
  logins = 0;
  /** Why it refuses to pause; "": it does not. */
  refusePause = "";
  /** Commands RESUME that are refused before one is granted. */
  refuseResume = 0;
  /** Answers nothing at all. */
  frozen = false;
  /** PAUSE and RESUME, as they were granted. */
  readonly done: string[] = [];
  private readonly server: Server;
  private readonly waiting: Socket[] = [];
  private readonly open = new Set<Socket>();

  constructor(readonly path: string) {
    this.server = createServer((socket) => this.talk(socket));
  }

  listen = () => new Promise<void>((resolve) => this.server.listen(this.path, resolve));

  async close(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
    rmSync(this.path, { force: true });
  }

  /** The last transaction ends. */
  endTransactions(): void {
    this.active = 0;
    for (const socket of this.waiting.splice(0)) complete(socket, "PAUSE");
  }

  private talk(socket: Socket): void {
    this.open.add(socket);
    socket.on("error", () => undefined).on("close", () => this.open.delete(socket));
    let started = false;
    let buffer = Buffer.alloc(0);
    socket.on("data", (data) => {
      if (this.frozen) return;
      buffer = Buffer.concat([buffer, data]);
      for (;;) {
        const head = started ? 1 : 0;
        if (buffer.length < head + 4 || buffer.length < head + buffer.readInt32BE(head)) return;
        const end = head + buffer.readInt32BE(head);
        const body = buffer.subarray(head + 4, end);
        buffer = buffer.subarray(end);
        if (started) this.run(socket, body.toString().replace(/\0$/, ""));
        else socket.write(Buffer.concat([message("R", Buffer.alloc(4)), ready]));
        started = true;
      }
    });
  }

  private run(socket: Socket, command: string): void {
    if (command === "SHOW POOLS") {
      const logins = this.logins > 0 ? this.logins-- : 0;
      rows(socket, ["database", "sv_login"], [["app", logins > 0 ? "1" : "0"]]);
    } else if (command === "SHOW DATABASES") {
      rows(
        socket,
        ["name", "paused"],
        [
          ["app", this.pausedByName ? "1" : "0"],
          ["pgbouncer", "0"],
        ],
      );
    } else if (command === "SHOW STATE") {
      rows(
        socket,
        ["key", "value"],
        [
          ["active", this.paused ? "no" : "yes"],
          ["paused", this.paused ? "yes" : "no"],
        ],
      );
    } else if (command === 'RESUME "app"') {
      this.pausedByName = false;
      complete(socket, "RESUME");
    } else if (command === "PAUSE" && this.refusePause) {
      refuse(socket, this.refusePause);
    } else if (command === "PAUSE") {
      this.done.push("PAUSE");
      this.paused = true;
      if (this.active > 0) this.waiting.push(socket);
      else complete(socket, "PAUSE");
    } else if (command === "RESUME" && this.refuseResume > 0) {
      this.refuseResume--;
      refuse(socket, "try later");
    } else if (command === "RESUME" && !this.paused) {
      refuse(socket, "pooler is not paused/suspended");
    } else if (command === "RESUME") {
      this.done.push("RESUME");
      this.paused = false;
      complete(socket, "RESUME");
    } else {
      refuse(socket, `invalid command '${command}'`);
    }
  }
}

function message(kind: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(kind), length, body]);
}
const short = (value: number) => Buffer.from([value >> 8, value & 255]);
const ready = message("Z", Buffer.from("I"));

function complete(socket: Socket, tag: string): void {
  socket.write(Buffer.concat([message("C", Buffer.from(`${tag}\0`)), ready]));
}
function refuse(socket: Socket, text: string): void {
  socket.write(Buffer.concat([message("E", Buffer.from(`SERROR\0C08P01\0M${text}\0\0`)), ready]));
}
function rows(socket: Socket, names: string[], table: string[][]): void {
  const columns = names.flatMap((name) => [Buffer.from(`${name}\0`), Buffer.alloc(18)]);
  const values = table.map((row) =>
    message(
      "D",
      // A value that is NULL, as PgBouncer has some, first.
      Buffer.concat([
        short(row.length),
        ...row.flatMap((value) => {
          const length = Buffer.alloc(4);
          length.writeInt32BE(value.length);
          return [length, Buffer.from(value)];
        }),
      ]),
    ),
  );
  const head = message("T", Buffer.concat([short(names.length), ...columns]));
  socket.write(Buffer.concat([head, ...values, message("C", Buffer.from("SHOW\0")), ready]));
}

/** HAProxy as the gate knows it: the admin socket, and the relay of Patroni's word. */
export class FakeHaproxy {
  /** Whom the relay takes for the leader. */
  leader = "";
  /** Whom it sends writes to (`proc.leader`); none after a reload, until it has asked. */
  led: string | undefined = "postgresql2";
  /** What came in, in order: names the relay was asked for, commands of the admin socket but those for the door. */
  readonly seen: string[] = [];
  /** The map of the node that nobody is let in to, with the moment until when, ms since the epoch. */
  leaving: [string, number][] = [];
  /** Called when a node is put there. */
  onLeaving: () => void = () => undefined;
  /** The admin socket answers nothing, or nothing about who is to wait at the door. */
  frozen = false;
  doorFrozen = false;
  private readonly admin: Server;
  private readonly open = new Set<Socket>();
  private readonly relay = createHttpServer((request, response) => {
    const name = request.url!.slice(1);
    this.seen.push(`${name}?`);
    response.writeHead(name === this.leader ? 200 : 503).end();
  });

  constructor(readonly path: string) {
    this.admin = createServer((socket) => {
      this.open.add(socket);
      socket.on("error", () => undefined).on("close", () => this.open.delete(socket));
      socket.once("data", (data) => {
        if (this.frozen) return;
        const line = data.toString().trim();
        if (line === "get var proc.leader") {
          socket.end(this.led ? `proc.leader: type=str value=<${this.led}>\n` : "proc.leader: not found\n");
          return;
        }
        const [clear, add] = line.split("; ");
        if (clear === "clear map virt@leaving") {
          if (this.doorFrozen) return;
          const [name, until] = add?.replace("add map virt@leaving ", "").split(" ") ?? [];
          this.leaving = name ? [[name, Number(until)]] : [];
          if (name) this.onLeaving();
        } else this.seen.push(line);
        socket.end("\n");
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.admin.listen(this.path, resolve));
    await new Promise<void>((resolve) => this.relay.listen(0, "127.0.0.1", resolve));
  }

  get port(): number {
    return (this.relay.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    this.relay.closeAllConnections();
    await Promise.all([this.admin, this.relay].map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
