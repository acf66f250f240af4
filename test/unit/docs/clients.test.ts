import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, type Pool } from "pg";
import { CommitUnknown, once, transaction } from "../../../docs/clients/node-postgres";
import { clusterPool } from "../../../docs/clients/pool";
import { passes, retry } from "../../../docs/clients/retry";

const sqlError = (code: string, severity = "ERROR") =>
  Object.assign(new DatabaseError(code, 0, "error"), { code, severity });
const broken = () => new Error("Connection terminated unexpectedly");

type Reply = Error | { command?: string; rows?: object[] };

/** A pool that answers as told: a statement's first word, and one reply for each time it comes. The last one stays. */
function fakePool(script: Record<string, Reply[]> = {}) {
  const sent: string[] = [];
  const closed: boolean[] = [];
  const client = {
    query(text: string): Promise<Reply> {
      const word = text.split(/\s/)[0]!;
      sent.push(word);
      const replies = script[word] ?? [{ command: word }];
      const reply = replies.length > 1 ? replies.shift()! : replies[0]!;
      return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
    },
    release: (close: boolean) => closed.push(close),
  };
  return { pool: { connect: () => Promise.resolve(client) } as unknown as Pool, sent, closed };
}

describe("the examples for clients", () => {
  describe("passes", () => {
    const yes: [string, object][] = [
      ["PgBouncer's own error", sqlError("08P01", "FATAL")],
      ["a leader that is none any more", sqlError("25006")],
      ["a serialization failure", sqlError("40001")],
      ["a server that shuts down", sqlError("57P01", "FATAL")],
      ["a refused connection", Object.assign(new Error("connect"), { code: "ECONNREFUSED" })],
      ["a broken connection", broken()],
      [
        "a broken connection that is used again",
        new Error("Client has encountered a connection error and is not queryable"),
      ],
      ["no answer in time", new Error("Query read timeout")],
      [
        "Prisma, not reached",
        Object.assign(new Error("P"), { code: "P1001", meta: { driverAdapterError: { cause: {} } } }),
      ],
      [
        "Prisma, with the SQLSTATE of a server that shuts down",
        Object.assign(new Error("P"), {
          code: "P2010",
          meta: { driverAdapterError: { cause: { originalCode: "57P01" } } },
        }),
      ],
      ["Prisma, at a commit", Object.assign(new Error("P"), { cause: { kind: "postgres", originalCode: "08P01" } })],
      ["Prisma, at a commit, broken", Object.assign(new Error("P"), { cause: { kind: "ConnectionClosed" } })],
    ];
    const no: [string, unknown][] = [
      ["a duplicate key", sqlError("23505")],
      ["a statement that was cancelled", sqlError("57014")],
      ["a wrong password", sqlError("28P01", "FATAL")],
      // PgBouncer has the same 08P01 for these as for what passes.
      ...[
        "SASL authentication failed",
        "bouncer config error",
        "no authentication method is found",
        "login rejected",
        "unsupported startup parameter in options: search_path",
      ].map((words): [string, unknown] => [
        `PgBouncer's ${words}`,
        Object.assign(new DatabaseError(words, 0, "error"), { code: "08P01", severity: "FATAL" }),
      ]),
      [
        "PgBouncer's refusal, through Prisma",
        Object.assign(new Error("P"), {
          code: "P2010",
          meta: {
            driverAdapterError: { cause: { originalCode: "08P01", originalMessage: "SASL authentication failed" } },
          },
        }),
      ],
      ["a commit of unknown fate", new CommitUnknown("the commit broke")],
      ["an error of the program", new TypeError("x is undefined")],
      ["Prisma, a record that is not there", Object.assign(new Error("P"), { code: "P2025" })],
      ["nothing", "text"],
    ];
    for (const [what, error] of yes) it(`${what}: again`, () => assert.ok(passes(error)));
    for (const [what, error] of no) it(`${what}: not again`, () => assert.ok(!passes(error)));
  });

  describe("retry", () => {
    it("ends with the last error when its patience does", async () => {
      let tries = 0;
      const attempt = () => {
        tries++;
        return Promise.reject(sqlError("53300"));
      };
      await assert.rejects(retry(attempt, { patience: 200 }), { code: "53300" });
      assert.ok(tries >= 3, `${tries} tries`);
    });
  });

  describe("transaction", () => {
    it("is done again when its connection breaks before the commit", async () => {
      const { pool, sent, closed } = fakePool({ INSERT: [broken(), {}] });
      assert.equal(await transaction(pool, (client) => client.query("INSERT 1").then(() => "done")), "done");
      assert.deepEqual(sent, ["BEGIN", "INSERT", "BEGIN", "INSERT", "COMMIT"]);
      assert.deepEqual(closed, [true, false]);
    });

    for (const [what, error] of [
      ["the connection breaks", broken()],
      ["the server ends", sqlError("57P01", "FATAL")],
      ["a wait is cancelled", sqlError("57014")],
    ] as const) {
      it(`is not done again when ${what} at the commit`, async () => {
        const { pool, sent } = fakePool({ COMMIT: [error] });
        await assert.rejects(
          transaction(pool, () => Promise.resolve()),
          (thrown: Error) => {
            return thrown instanceof CommitUnknown && thrown.cause === error;
          },
        );
        assert.equal(sent.filter((word) => word === "COMMIT").length, 1);
      });
    }

    it("is done again when the server says that the commit was not done", async () => {
      const { pool, sent } = fakePool({ COMMIT: [sqlError("40001"), { command: "COMMIT" }] });
      await transaction(pool, () => Promise.resolve());
      assert.deepEqual(sent, ["BEGIN", "COMMIT", "BEGIN", "COMMIT"]);
    });

    it("is rolled back, and its connection kept, when the work fails for good", async () => {
      const { pool, sent, closed } = fakePool({ INSERT: [sqlError("23505")] });
      await assert.rejects(
        transaction(pool, (client) => client.query("INSERT 1")),
        { code: "23505" },
      );
      assert.deepEqual(sent, ["BEGIN", "INSERT", "ROLLBACK"]);
      assert.deepEqual(closed, [false]);
    });

    it("does not take a rolled back one for committed", async () => {
      const { pool } = fakePool({ INSERT: [sqlError("23505")], COMMIT: [{ command: "ROLLBACK" }] });
      const careless = transaction(pool, (client) => client.query("INSERT 1").catch(() => undefined));
      await assert.rejects(
        careless,
        (error: Error) => !(error instanceof CommitUnknown) && /rolled back/.test(error.message),
      );
    });
  });

  describe("once", () => {
    const tries = (count: number): Reply => ({ rows: [{ tries: count }] });

    it("asks again after a broken commit, and does the work again when it was lost", async () => {
      const { pool, sent } = fakePool({ COMMIT: [broken(), { command: "COMMIT" }], INSERT: [tries(1)] });
      assert.equal(await once(pool, "a", (client) => client.query("UPDATE 1").then(() => "done")), "done");
      assert.equal(sent.filter((word) => word === "UPDATE").length, 2);
    });

    it("asks again after a broken commit, and leaves the work when it was done", async () => {
      const { pool, sent } = fakePool({
        COMMIT: [broken(), { command: "COMMIT" }],
        INSERT: [tries(1), tries(2)],
      });
      assert.equal(await once(pool, "a", (client) => client.query("UPDATE 1").then(() => "done")), undefined);
      assert.equal(sent.filter((word) => word === "UPDATE").length, 1);
      assert.equal(sent.at(-1), "COMMIT");
    });
  });

  describe("clusterPool", () => {
    it("goes on to the next proxy when one refuses, and comes back to the first", async () => {
      const ports = [await unusedPort(), await unusedPort()];
      const pool = clusterPool(`postgresql://app:secret@127.0.0.1:${ports[0]},127.0.0.1:${ports[1]}/app`, "");
      const refused: number[] = [];
      for (let n = 0; n < 3; n++) {
        await assert.rejects(pool.query("SELECT 1"), (error: NodeJS.ErrnoException & { port: number }) => {
          refused.push(error.port);
          return error.code === "ECONNREFUSED";
        });
        await sleep(20); // the connection's end comes just after its error
      }
      await pool.end();
      const other = ports.find((port) => port !== refused[0]);
      assert.deepEqual(refused, [refused[0], other, refused[0]]);
    });

    it("does not show the password when it cannot read the URL", () => {
      assert.throws(
        () => clusterPool("postgresql://app:secret@127.0.0.1", ""),
        (error: Error) => /is not of the form/.test(error.message) && !error.message.includes("secret"),
      );
    });
  });

  it("make a line of .pgpass of a URL, wherever the CA's file is", () => {
    const page = readFileSync(join(__dirname, "../../../docs/clients.md"), "utf8");
    const script = /sed -E '([^']+)' >> ~\/\.pgpass/.exec(page)![1]!;
    const input =
      "postgresql://app:secret@127.0.0.1:6432/shop?sslmode=verify-full&sslrootcert=/home/me/pgha/.pgha/ca/pgha-dev.crt\n";
    assert.equal(execFileSync("sed", ["-E", script], { input, encoding: "utf8" }), "*:*:shop:app:secret\n");
  });
});

/** A port that refuses connections. */
async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}
