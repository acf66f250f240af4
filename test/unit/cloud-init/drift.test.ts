import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { changedFile, driftFiles, givenSum, secretSum, shownFiles } from "../../../cloud-init/drift";
import type { Role } from "../../../settings/roles";
import { bash, temporaryFolder } from "../support/bash";
import { plan } from "../support/settings";

describe("drift.sh", () => {
  const folder = temporaryFolder();
  const at = (path: string) => join(folder(), path);
  const made = plan();

  const stub = (name: string, text: string) => {
    writeFileSync(at(`bin/${name}`), `#!/bin/bash\n${text}\n`);
    chmodSync(at(`bin/${name}`), 0o755);
  };
  beforeEach(() => {
    rmSync(folder(), { recursive: true, force: true });
    for (const path of ["bin", "etc"]) mkdirSync(at(path), { recursive: true });
    writeFileSync(at("etc/a"), "one\n");
    writeFileSync(at("etc/b"), "two\n");
    writeFileSync(at("dynamic.json"), '{"ttl": 20, "postgresql": {"parameters": {"a": "on", "n": 1}}}');
    stub("systemctl", "echo active");
    stub("nft", "exit 0");
    stub("ps", "exit 0");
    stub("curl", "exit 22");
    stub("runuser", "exit 3");
  });

  /** Runs the real program with the node's own names for where things are led into the folder. */
  function run(role: Role, args = "", input = ""): string[] {
    const program = driftFiles(made, made[role][0]!)[0]!
      .content.replaceAll("/var/lib/pgha", at("kept"))
      .replaceAll("/etc/patroni/dynamic.json", at("dynamic.json"));
    writeFileSync(at("drift.sh"), program);
    const { code, stdout, stderr } = bash(`bash ${at("drift.sh")} ${args}`, {
      input,
      env: { PATH: `${at("bin")}:${process.env.PATH}` },
    });
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout.split("\n").filter(Boolean);
  }
  const note = (role: Role = "haproxy") => run(role, "note 5a", `${at("etc/a")}\n${at("etc/b")}\n`);

  it("finds nothing on a node that is as its step left it", () => {
    assert.deepEqual(note(), []);
    assert.deepEqual(run("haproxy"), ["converged 5a"]);
  });

  it("says that a step did not come to its end, and what is wrong beside that", () => {
    stub("systemctl", "[[ $2 == pgbouncer ]] && { echo failed; exit 3; }; echo active");
    assert.deepEqual(run("haproxy"), ["converged none", "pgbouncer does not run (failed)"]);
  });

  it("says which daemons are stopped by a signal, once each, and nothing of what is no daemon of the node", () => {
    note();
    stub(
      "ps",
      "printf '%s\\n' 'haproxy.service Tsl' 'haproxy.service T' 'pgbouncer.service Ssl' 'ssh.service T' 'session-1.scope T'",
    );
    assert.deepEqual(run("haproxy"), ["converged 5a", "haproxy is stopped by a signal"]);
  });

  for (const [what, deed, said] of [
    ["content", () => writeFileSync(at("etc/a"), "other\n"), "has been changed"],
    ["mode", () => chmodSync(at("etc/a"), 0o777), "has been changed"],
    ["absence", () => rmSync(at("etc/a")), "is missing"],
  ] as const) {
    it(`sees a file's ${what}`, () => {
      note();
      deed();
      const found = run("haproxy");
      assert.deepEqual(found, ["converged 5a", `${at("etc/a")} ${said}`]);
      assert.equal(changedFile(found[1]!), at("etc/a"));
    });
  }

  it("asks for every unit of the role that is on, and no other's", () => {
    stub("systemctl", "echo inactive; exit 3");
    const units = (role: Role) => run(role).flatMap((line) => /^(\S+) does not run/.exec(line)?.[1] ?? []);
    assert.deepEqual(units("etcd"), ["etcd"]);
    assert.deepEqual(units("postgresql"), ["patroni", "pgha-guard"]);
    assert.deepEqual(units("haproxy"), ["haproxy", "pgbouncer", "pgbouncer-read", "pgbouncer-read-2", "pgha-gate"]);
  });

  it("sees that the packet filter is gone", () => {
    note();
    stub("nft", "exit 1");
    assert.deepEqual(run("haproxy").slice(1), ["the packet filter is not loaded"]);
  });

  describe("on a leader", () => {
    const leads = (config: object, rights = "exit 0") => {
      stub(
        "curl",
        `case "$*" in */patroni) echo "{\\"role\\": \\"primary\\", \\"dcs_last_seen\\": $(date +%s)}" ;; */config) echo '${JSON.stringify(config)}' ;; esac`,
      );
      stub("runuser", rights);
      note("postgresql");
      return run("postgresql").slice(1);
    };
    const asSet = { ttl: "20", postgresql: { parameters: { a: "on", n: "1" } } };
    const notAsSet = "is not as the settings have it in the configuration of the cluster";

    it("counts numbers and texts of the configuration as equal", () => {
      assert.deepEqual(leads(asSet), []);
    });

    it("names what was added, changed and taken away in etcd, without its value", () => {
      const found = leads({ ttl: 30, member_slots_ttl: 60, postgresql: { parameters: { a: "on" } } });
      assert.deepEqual(
        found,
        ["member_slots_ttl", "postgresql.parameters.n", "ttl"].map((key) => `${key} ${notAsSet}`),
      );
    });

    it("says what the rights lack", () => {
      assert.deepEqual(leads(asSet, "echo 'role app may not connect'"), ["role app may not connect"]);
    });

    it("says in PostgreSQL's words that there is no database", () => {
      const said = 'psql: error: connection to server failed: FATAL:  database "app" does not exist';
      assert.deepEqual(leads(asSet, `echo '${said}' >&2; exit 2`), [
        'the database cannot be used: database "app" does not exist',
      ]);
    });
  });

  it("sees that a standby does not follow, and that Patroni is out of reach of etcd", () => {
    const own = (state: object) => {
      stub("curl", `[[ $* == */patroni ]] && echo '${JSON.stringify({ role: "replica", ...state })}'`);
      note("postgresql");
      return run("postgresql").slice(1);
    };
    const now = Math.round(Date.now() / 1000);
    assert.deepEqual(own({ replication_state: "streaming", dcs_last_seen: now }), []);
    assert.deepEqual(own({ replication_state: "in archive recovery", dcs_last_seen: now }), [
      "it does not stream from the leader",
    ]);
    assert.deepEqual(own({ replication_state: "streaming", dcs_last_seen: now - 300 }), [
      "Patroni has not heard etcd for a minute or more",
    ]);
  });

  it("asks no standby for what the leader tells", () => {
    stub("runuser", "echo wrong");
    note("postgresql");
    assert.deepEqual(run("postgresql"), ["converged 5a"]);
  });
});

it("a checksum of what a step is given differs with its script, its files and its secrets", () => {
  const file = (content: string) => [{ path: "/etc/x", owner: "root:root", mode: "0600", content }];
  const given = (script: string, plain: string, secret: string) =>
    givenSum({ script, files: shownFiles(file(plain)), secrets: secretSum(file(secret)) });
  const sums = [given("a", "b", "c"), given("ab", "", "c"), given("b", "a", "c"), given("a", "c", "b")];
  assert.equal(new Set(sums).size, sums.length);
});
