import assert from "node:assert/strict";
import { DatabaseError } from "pg";
import { classify, classOf } from "../../../../ops/load/classify";

const fromServer = (severity: string, code: string, message = "said so") =>
  Object.assign(new DatabaseError(message, 0, "error"), { severity, code, routine: "exec_simple_query" });
const fromPooler = (message: string, code = "08P01") =>
  Object.assign(new DatabaseError(message, 0, "error"), { severity: "FATAL", code });
const fromSocket = (code: string) => Object.assign(new Error(`read ${code}`), { code });

const failing = "server login has been failing, cached error: connect failed (server_login_retry)";

describe("an error's meaning", () => {
  const cases: [string, Error, "failed" | "unknown", string, boolean][] = [
    ["disk full", fromServer("ERROR", "53100"), "failed", "53100 disk_full", true],
    ["an SQLSTATE without a name here", fromServer("ERROR", "22P02"), "failed", "22P02", true],
    ["not the leader", fromServer("ERROR", "25006"), "failed", "25006 read_only_sql_transaction", false],
    ["an ended backend", fromServer("FATAL", "57P01"), "unknown", "57P01 admin_shutdown", false],
    ["a crashed server", fromServer("FATAL", "57P02"), "unknown", "57P02 crash_shutdown", false],
    ["a cancelled statement", fromServer("ERROR", "57014"), "unknown", "57014 query_canceled", true],
    ["an unknown completion", fromServer("ERROR", "40003"), "unknown", "40003 statement_completion_unknown", true],
    ["a disk that failed while committing", fromServer("PANIC", "58030"), "unknown", "58030 io_error", false],
    ["PgBouncer: server gone", fromPooler("server conn crashed?"), "unknown", "pgbouncer: server conn crashed?", false],
    ["PgBouncer: anything new", fromPooler("out of memory"), "unknown", "pgbouncer: out of memory", false],
    [
      "PgBouncer: no server in time",
      fromPooler("query_wait_timeout"),
      "failed",
      "pgbouncer: query_wait_timeout",
      false,
    ],
    [
      "PgBouncer: no server to be had",
      fromPooler(failing),
      "failed",
      "pgbouncer: server login has been failing, cached error",
      false,
    ],
    [
      "PgBouncer: a server that starts",
      fromPooler("the database system is starting up", "57P03"),
      "failed",
      "pgbouncer: 57P03 cannot_connect_now",
      false,
    ],
    [
      "PgBouncer: a server that was shut down",
      fromPooler("terminating connection due to administrator command", "57P01"),
      "unknown",
      "pgbouncer: 57P01 admin_shutdown",
      false,
    ],
    ["a reset", fromSocket("ECONNRESET"), "unknown", "ECONNRESET", false],
    ["a closed connection", new Error("Connection terminated unexpectedly"), "unknown", "connection closed", false],
    ["patience", new Error("Query read timeout"), "unknown", "no answer in time", false],
    ["anything else", new Error("surprise"), "unknown", "surprise", false],
  ];
  for (const [name, error, outcome, text, reusable] of cases) {
    it(`${name}: ${outcome}`, () => assert.deepEqual(classify(error), { outcome, class: text, reusable }));
  }

  it("is named the same where no statement was under way", () => {
    assert.equal(classOf(fromSocket("ECONNREFUSED")), "ECONNREFUSED");
    assert.equal(classOf(new Error("timeout expired")), "connect timeout");
    assert.equal(classOf(fromServer("FATAL", "57P03")), "57P03 cannot_connect_now");
    assert.equal(classOf(fromPooler("no such user")), "pgbouncer: no such user");
  });
});
