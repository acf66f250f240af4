/** What stands between PostgreSQL and the journal. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { dynamicConfiguration } from "../../../../../cloud-init/services/patroni/files";
import { plan } from "../../../support/settings";

const filter = join(__dirname, "../../../../../cloud-init/services/patroni/log_filter.py");

/** What is left of lines. */
const kept = (...lines: string[]) => {
  const { stdout, status, stderr } = spawnSync("python3", ["-B", filter], {
    input: `${lines.join("\n")}\n`,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return stdout.split("\n").slice(0, -1);
};
const from = (text: string) => `[123] 10.88.0.31(40000) app_owner@app ${text}`;

describe("the filter of PostgreSQL's log", () => {
  it("lets through what holds no secret, byte by byte", () => {
    const lines = [
      "INFO: no action. I am (postgresql1), the leader with the lock",
      from("LOG:  connection authorized: user=app_owner database=app"),
      from("LOG:  statement: CREATE TABLE t (id int)"),
      from('FATAL:  password authentication failed for user "app_owner"'),
      from('DETAIL:  Password does not match for user "app_owner".'),
      from('FATAL:  no pg_hba.conf entry for host "10.88.0.31", user "x", database "app", SSL encryption'),
      from("DETAIL:  Process 1 waits for ShareLock on transaction 7; blocked by process 2."),
      "\tProcess 2 waits for ShareLock on transaction 8; blocked by process 1.",
      "\tProcess 1: UPDATE t SET id = 1",
      "[5] LOG:  database system is ready to accept connections",
    ];
    assert.deepEqual(kept(...lines), lines);
  });

  it("drops what health checks leave, and further lines of a statement", () => {
    assert.deepEqual(
      kept(
        "[7] 10.88.0.31(4) [unknown]@[unknown] LOG:  connection received: host=10.88.0.31 port=4",
        from("LOG:  statement: ALTER ROLE x"),
        "\tPASSWORD",
        "\t'secret'",
      ),
      [from("LOG:  statement: ALTER ROLE x")],
    );
  });

  it("cuts a statement where a secret may begin", () => {
    for (const [statement, left] of [
      ["ALTER ROLE x PASSWORD 'secret'", "ALTER ROLE x PASSWORD ..."],
      ["alter user x with encrypted password$$secret$$", "alter user x with encrypted password ..."],
      ["CREATE ROLE x LOGIN PASSWROD 'secret'", "CREATE ROLE x LOGIN PASSWROD  ..."],
      [
        "CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'a', password 'secret')",
        "CREATE USER MAPPING FOR x SERVER y OPTIONS (user  ...",
      ],
      [
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=secret' PUBLICATION p",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password ...",
      ],
      [
        "CREATE SUBSCRIPTION s CONNECTION 'postgres://a:secret@h/d' PUBLICATION p",
        "CREATE SUBSCRIPTION s CONNECTION 'postgres://a:...@h/d' PUBLICATION p",
      ],
    ]) {
      for (const kind of ["LOG:  statement: ", "STATEMENT:  ", "LOG:  duration: 1 ms  statement: "])
        assert.deepEqual(kept(from(kind + statement)), [from(kind + left)]);
    }
  });

  it("takes nobody's word for PostgreSQL's own", () => {
    const [line] = kept(
      from("LOG:  statement: ALTER ROLE x PASSWORD 'FATAL:  password authentication failed for secret'"),
    );
    assert.doesNotMatch(line!, /secret/);
  });

  it("passes each line on at once", async () => {
    const child = spawn("python3", ["-B", filter]);
    child.stdin.write("one\n");
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    assert.equal(said.toString(), "one\n");
    child.stdin.end();
    await once(child, "exit");
  });

  it("knows how PostgreSQL's lines begin", () => {
    const { postgresql } = dynamicConfiguration(plan()) as { postgresql: { parameters: Record<string, unknown> } };
    assert.equal(postgresql.parameters.log_line_prefix, "[%p] %q%r %u@%d ");
  });
});
