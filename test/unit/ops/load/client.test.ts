import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { PathClient, type Trouble } from "../../../../ops/load/client";

/** A message of PostgreSQL's protocol. */
function message(type: string, body: Buffer | string = ""): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + Buffer.byteLength(body));
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body)]);
}
const report = (type: "N" | "E", fields: Record<string, string>) =>
  message(
    type,
    `${Object.entries(fields)
      .map(([key, value]) => `${key}${value}\0`)
      .join("")}\0`,
  );
const ready = message("Z", "I");
const inserted = [message("1"), message("2"), message("n"), message("C", "INSERT 0 1\0")];
const warning = report("N", {
  S: "WARNING",
  C: "01000",
  M: "canceling wait for synchronous replication due to user request",
});
const diskFull = report("E", { S: "ERROR", C: "53100", M: "no space left", R: "mdextend" });
const readOnly = report("E", { S: "ERROR", C: "25006", M: "cannot execute INSERT", R: "PreventCommandIfReadOnly" });
const shutDown = report("E", { S: "FATAL", C: "57P01", M: "terminating connection", R: "ProcessInterrupts" });

type Reply = (socket: Socket) => void;
const say =
  (...parts: Buffer[]): Reply =>
  (socket) =>
    socket.write(Buffer.concat(parts));
const fine = say(...inserted, ready);

/** A server that logs everyone in and answers one statement after the other as it is told to. */
class FakeServer {
  statements = 0;
  sockets: Socket[] = [];
  private readonly server: Server;

  constructor(private readonly replies: Reply[]) {
    this.server = createServer((socket) => this.serve(socket));
  }

  async door(patience = 1000) {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    const { port } = this.server.address() as AddressInfo;
    return {
      host: "127.0.0.1",
      port,
      user: "app",
      password: "-",
      database: "app",
      query_timeout: patience,
      ssl: false,
    };
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private serve(socket: Socket): void {
    this.sockets.push(socket);
    let started = false;
    let rest = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      rest = Buffer.concat([rest, data]);
      for (;;) {
        const head = started ? 1 : 0;
        if (rest.length < head + 4) return;
        const length = head + rest.readInt32BE(head);
        if (rest.length < length) return;
        const type = started ? String.fromCharCode(rest[0]!) : "startup";
        rest = rest.subarray(length);
        started = true;
        if (type === "startup") say(message("R", Buffer.alloc(4)), ready)(socket);
        if (type === "S") (this.replies[this.statements++] ?? fine)(socket);
      }
    });
  }
}

const insert = { text: "INSERT INTO t (id) VALUES ($1)", values: [1] };
const soon = () => performance.now() + 2000;

describe("a client of a path", () => {
  const servers: FakeServer[] = [];
  const clients: PathClient[] = [];
  const server = (...replies: Reply[]) => {
    const made = new FakeServer(replies);
    servers.push(made);
    return made;
  };
  const troubles: Trouble[] = [];
  const client = (doors: Awaited<ReturnType<FakeServer["door"]>>[]) => {
    const made = new PathClient(doors, 0, (trouble) => troubles.push(trouble));
    clients.push(made);
    return made;
  };
  afterEach(() => {
    for (const made of [...clients.splice(0), ...servers.splice(0)]) made.close();
    troubles.length = 0;
  });

  it("takes success for an acknowledgement", async () => {
    const only = server();
    const answer = await client([await only.door()]).perform(insert, soon());
    assert.deepEqual(answer, { outcome: "acknowledged", rows: [] });
  });

  it("takes success with a warning for unknown, and the next statement for what it is", async () => {
    const only = server(say(...inserted, warning, ready));
    const one = client([await only.door()]);
    assert.deepEqual(await one.perform(insert, soon()), {
      outcome: "unknown",
      class: "warning 01000",
      example: "canceling wait for synchronous replication due to user request",
    });
    assert.equal((await one.perform(insert, soon())).outcome, "acknowledged");
    assert.equal(only.sockets.length, 1);
  });

  it("stays connected after an error that proves it failed, and leaves a server that is not a leader", async () => {
    const only = server(say(diskFull, ready), say(readOnly, ready));
    const one = client([await only.door()]);
    assert.equal((await one.perform(insert, soon())).outcome, "failed");
    assert.equal(only.sockets.length, 1);
    assert.equal((await one.perform(insert, soon())).outcome, "failed");
    assert.equal((await one.perform(insert, soon())).outcome, "acknowledged");
    assert.equal(only.sockets.length, 2);
  });

  it("takes a connection that breaks for unknown, sends nothing twice, and goes to the next proxy", async () => {
    const [first, second] = [server((socket) => socket.destroy()), server()];
    const one = client([await first.door(), await second.door()]);
    assert.equal((await one.perform(insert, soon())).outcome, "unknown");
    assert.deepEqual([first.statements, second.statements], [1, 0]);
    assert.equal((await one.perform(insert, soon())).outcome, "acknowledged");
    assert.deepEqual([first.statements, second.statements], [1, 1]);
  });

  it("takes no answer in time for unknown, and leaves that connection", async () => {
    const only = server(() => undefined);
    const one = client([await only.door(100)]);
    const answer = await one.perform(insert, soon());
    assert.deepEqual(
      [answer.outcome, answer.outcome !== "acknowledged" && answer.class],
      ["unknown", "no answer in time"],
    );
    assert.equal((await one.perform(insert, soon())).outcome, "acknowledged");
    assert.deepEqual([only.sockets.length, only.sockets[0]!.destroyed], [2, true]);
  });

  it("waits for a proxy while all refuse, and tells of each refusal", async () => {
    const [gone, late] = [server(), server()];
    const doors = [await gone.door(), await late.door()];
    gone.close();
    late.close();
    const one = client(doors);
    const answer = await one.perform(insert, performance.now() + 200);
    assert.deepEqual(answer, { outcome: "failed", class: "never sent", example: "no connection in time" });
    assert.ok(troubles.length >= 4 && troubles.length <= 10, `${troubles.length}`);
    assert.ok(troubles.every(({ refused, class: name }) => refused && name === "ECONNREFUSED"));
  });

  it("goes on to the next proxy at once when one refuses", async () => {
    const [gone, there] = [server(), server()];
    const doors = [await gone.door(), await there.door()];
    gone.close();
    const begun = performance.now();
    assert.equal((await client(doors).perform(insert, soon())).outcome, "acknowledged");
    assert.ok(performance.now() - begun < 500);
    assert.equal(troubles.length, 1);
  });

  it("tells of a connection that is ended while idle, and sends nothing on it", async () => {
    const only = server();
    const one = client([await only.door()]);
    await one.perform(insert, soon());
    only.sockets[0]!.end(shutDown);
    await pause(50);
    assert.deepEqual(troubles, [{ class: "57P01 admin_shutdown", example: "terminating connection", refused: false }]);
    assert.equal((await one.perform(insert, soon())).outcome, "acknowledged");
    assert.equal(only.sockets.length, 2);
  });
});
