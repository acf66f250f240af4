import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { globSync } from "node:fs";
import { join } from "node:path";
import { ownerOptions, superuserOptions, userOptions } from "../../../../../cloud-init/services/patroni/session";
import { nodePsql, ownerSql, superuserSql } from "../../../../../ops/ask";
import { clientConfig } from "../../../../../ops/load/connect";
import { messageOf } from "../../../../../ops/errors";
import { checkoutRoot } from "../../../../../ops/env";
import { fakeCluster } from "../../../support/ops-fixture";

/** What the shell makes of words, one argument a line. */
const words = (text: string) =>
  execFileSync("bash", ["-c", `printf '%s\\n' ${text}`], { encoding: "utf8" }).split("\n");

describe("sessions of ours", () => {
  it("look names up in PostgreSQL's own schema, whatever the owner has set", () => {
    for (const options of [superuserOptions, ownerOptions]) {
      assert.match(options, /-c search_path=pg_catalog,pg_temp /);
      assert.match(options, /-c role=none /);
      assert.match(options, /-c restrict_nonsystem_relation_kind=view,foreign-table /);
      assert.match(options, /-c statement_timeout=0 /);
      assert.match(options, /-c default_transaction_isolation=read\\ committed /);
    }
    assert.equal(userOptions, "-c search_path=pg_catalog,pg_temp");
  });

  it("ask nobody but a superuser for what he alone may set", () => {
    assert.match(superuserOptions, /session_replication_role=origin/);
    assert.doesNotMatch(ownerOptions, /session_replication_role/);
  });

  it("reach psql on the node in one piece, its arguments too", () => {
    const [, user, postgres, dash, env, options, psql, ...rest] = words(
      nodePsql(superuserOptions, "-c", "SELECT 'a b'"),
    );
    assert.deepEqual([user, postgres, dash, env, psql], ["-u", "postgres", "--", "env", "psql"]);
    assert.equal(options, `PGOPTIONS=${superuserOptions}`);
    assert.deepEqual(rest, ["-c", "SELECT 'a b'", ""]);
  });

  it("are a superuser's in the database postgres only, and the owner's in that of the users", () => {
    assert.match(superuserSql("SELECT 1"), / -d postgres -c 'SELECT 1'$/);
    assert.match(ownerSql(fakeCluster(), "SELECT 1"), / -d app -U app_owner -c 'SELECT 1'$/);
  });

  it("are pinned on their way through HAProxy, too; PgBouncer passes nothing on", () => {
    const cluster = fakeCluster();
    const [proxy] = cluster.facts.proxies;
    const options = (who: "app" | "owner", path: "write" | "read" | "pooled") =>
      clientConfig(cluster, { who, path, proxy: proxy! }, 1000).options;
    assert.equal(options("owner", "write"), ownerOptions);
    assert.equal(options("app", "read"), userOptions);
    assert.equal(options("app", "pooled"), undefined);
  });

  it("are made in one place: nothing else in ops and validation runs psql on a node", () => {
    const files = globSync(["ops/**/*.ts", "ops/validate/checks/*.ts"], { cwd: checkoutRoot });
    assert.ok(files.length > 80, `${files.length} files`);
    const found = files.filter((file) =>
      /runuser -u postgres -- psql/.test(readFileSync(join(checkoutRoot, file), "utf8")),
    );
    // PgBouncer's console, which is not a database.
    assert.deepEqual(found, ["ops/ask.ts"]);
    assert.equal(
      readFileSync(join(checkoutRoot, "ops/ask.ts"), "utf8").match(/runuser -u postgres -- psql/g)!.length,
      1,
    );
  });
});

describe("messages", () => {
  it("bring nothing to a terminal but text", () => {
    assert.equal(messageOf(new Error("bad\u001b]0;title\u0007\u009b31m row\n\tat")), "bad?]0;title??31m row\n\tat");
  });
});
