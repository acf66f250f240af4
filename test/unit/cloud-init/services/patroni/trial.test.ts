import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeFiles } from "../../../../../cloud-init/node-files";
import { temporaryFolder } from "../../../support/bash";
import { python } from "../../../support/python";
import { plan, planOnAws } from "../../../support/settings";

/** Machines have it in Patroni's environment. What it is given here is JSON, which is YAML. */
const imported =
  'sys.modules["yaml"] = types.SimpleNamespace(safe_load=json.loads, YAMLError=ValueError)\nimport trial\n';
const of = <T>(code: string, given: unknown = null) => python<T>(imported + code, given);

describe("trial.py", () => {
  const folder = temporaryFolder();

  function write(name: string, own: object | string, shared: object): string {
    const path = join(folder(), name);
    mkdirSync(path, { recursive: true });
    const text = typeof own === "string" ? own : JSON.stringify({ postgresql: { parameters: own } });
    writeFileSync(join(path, "patroni.yml"), text);
    writeFileSync(join(path, "dynamic.json"), JSON.stringify({ postgresql: { parameters: shared } }));
    return path;
  }

  it("puts parameters together as Patroni does: the node's own win", () => {
    const path = write(
      "new",
      { SSL: true, archive_command: "" },
      { ssl: "off", work_mem: "1MB", max_connections: 200 },
    );
    assert.deepEqual(of("from pathlib import Path\nresult = trial.parameters(Path(given))", path), {
      ssl: "on",
      archive_command: "",
      work_mem: "1MB",
      max_connections: "200",
    });
  });

  it("takes files in force that somebody has broken for other ones", () => {
    for (const broken of ["no: [yaml", "[]", "{}"]) {
      const path = write("old", broken, {});
      assert.equal(of("from pathlib import Path\nresult = trial.in_force(Path(given))", path), null, broken);
    }
    assert.equal(of("from pathlib import Path\nresult = trial.in_force(Path(given))", join(folder(), "none")), null);
  });

  it("reads what comes with the same step from where it is set aside: it is not in its place yet", () => {
    const stage = join(folder(), "stage");
    mkdirSync(join(stage, "etc/pgha/tls"), { recursive: true });
    writeFileSync(join(stage, "etc/pgha/tls/server.crt"), "new");
    const given = {
      ssl_cert_file: "/etc/pgha/tls/server.crt",
      ssl_key_file: "/etc/pgha/tls/other.key",
      work_mem: "1MB",
    };
    const code =
      "from pathlib import Path\ntrial.shutil.chown = lambda *_: None\n" +
      "changed = trial.with_staged(given['given'], Path(given['stage']), Path(given['folder']))\n" +
      "result = [changed, Path(changed['ssl_cert_file']).read_text()]";
    assert.deepEqual(of(code, { given, stage, folder: folder() }), [
      { ...given, ssl_cert_file: join(folder(), "ssl_cert_file") },
      "new",
    ]);
  });

  it("writes a value as postgresql.conf reads it", () => {
    const given = { log_line_prefix: "it's [%p]\\ ", work_mem: "1MB" };
    assert.equal(
      of("result = trial.configuration(given)", given),
      "log_line_prefix = 'it''s [%p]\\\\ '\nwork_mem = '1MB'\n",
    );
  });

  it("tries as much memory as the instance that runs does not give free", () => {
    const pages = (...given: unknown[]) => of<number>("result = trial.pages_to_try(*given)", given);
    assert.equal(pages(32768, 16384, false, false), 16384);
    assert.equal(pages(16384, 16384, false, false), 16, "PostgreSQL's least");
    assert.equal(pages(16384, 16384, true, false), 16384, "it has no huge pages that it could give");
    assert.equal(pages(16384, 16384, true, true), 16);
  });

  it("gives it the limits of Patroni's unit, and nothing else of it", () => {
    for (const made of [plan(), planOnAws()]) {
      const files = nodeFiles(made, made.postgresql[0]!);
      const patroni = files.find(({ path }) => path.endsWith("/patroni.service"))!.content;
      const unit = of<string>("result = trial.trial_unit(given, '/data/trial', '/bin')", patroni).split("\n");
      const keys = unit.flatMap((line) => /^(\w+)=/.exec(line)?.[1] ?? []);
      assert.equal(new Set(keys).size, keys.length, "each once");
      for (const key of ["SystemCallFilter", "ReadWritePaths", "LimitNOFILE", "NoNewPrivileges"]) {
        const line = patroni.split("\n").find((one) => one.startsWith(`${key}=`));
        assert.ok(line && unit.includes(line), key);
      }
      assert.ok(unit.includes("ExecStart=/bin/postgres -D /data/trial/data"));
      for (const key of ["Restart", "OOMScoreAdjust", "RuntimeDirectory", "ExecReload"])
        assert.ok(!keys.includes(key), key);
    }
  });

  it("quotes PostgreSQL's own words, each once, and what it can when there are none", () => {
    const said = [
      "2026-11-29 14:54:31 UTC [7] LOG:  starting PostgreSQL 17.12",
      '[7] FATAL:  could not access file "x": No such file or directory',
      '[8] FATAL:  could not access file "x": No such file or directory',
      "[7] HINT:  Look for it.",
    ];
    const quoted = (lines: string[]) => of("result = trial.complaints(given)", lines.join("\n"));
    assert.deepEqual(quoted(said), [
      'FATAL:  could not access file "x": No such file or directory',
      "HINT:  Look for it.",
    ]);
    assert.deepEqual(quoted(["Bus error"]), ["Bus error"]);
    assert.deepEqual(quoted(['LOG:  invalid value for parameter "timezone"']), [
      'LOG:  invalid value for parameter "timezone"',
    ]);
  });
});
