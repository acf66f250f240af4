/** How a proxy's daemons take up what needs a restart (cloud-init/converge/haproxy.sh). */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * Restarts a daemon, and gives what that does.
 * @param pause exit code of PgBouncer's PAUSE
 * @param clients rows of SHOW CLIENTS, beside the console's own
 */
function restarts(what: "restart_haproxy" | "restart_idle_pgbouncer", { pause = 0, clients = [] as string[] } = {}) {
  const rows = ["C|pgbouncer|pgbouncer|none|active", "C|pgha-gate|pgbouncer|none|active", ...clients].join("\n");
  const { status, stdout, stderr } = spawnSync(
    "bash",
    [
      "-c",
      `set -euo pipefail
      exec 3>&1
      source ${join(__dirname, "../../../../cloud-init/converge/haproxy.sh")}
      DATABASE=app
      systemctl() { [[ $1 == is-active ]] || echo "$*"; }
      at_rest() { return ${pause}; }
      pgbouncer_admin() { case $1 in "SHOW CLIENTS") echo '${rows}' ;; RESUME*) echo "$1" >&3 ;; esac; }
      haproxy_sees_leader() { echo "sees the leader"; }
      soon() { shift; "$@"; }
      wait_for() { :; }
      say() { echo "$*"; }
      leave() { :; }
      ${what}`,
    ],
    { encoding: "utf8" },
  );
  assert.equal(stderr, "");
  return [status, ...stdout.split("\n").filter(Boolean)];
}

/** Renews PgBouncer's connections while these numbers of them log in, look after look, and gives all that its console is told. */
function renews(logins: number[], command = "RELOAD"): (string | number | null)[] {
  const { status, stdout, stderr } = bash(`set -euo pipefail
    source ${join(__dirname, "../../../../cloud-init/converge/haproxy.sh")}
    DATABASE=app
    stage=$(mktemp -d)
    open_console() {
      local logins=(${logins.join(" ")}) line at=0
      while read -r line; do
        echo "$line" >&3
        case $line in
          "SHOW POOLS;")
            echo "app|app|1|0|0|0|0|0|0|0|0|0|\${logins[at]}|0|0|0|transaction"
            echo "pgbouncer|pgbouncer|1|0|0|0|0|0|0|0|0|0|0|0|0|0|statement"
            at=$((at + 1)) ;;
          "SHOW VERSION;") echo "PgBouncer 1.24.1" ;;
          "FAIL;") return 3 ;;
        esac
      done
    }
    exec 3>&1
    renew_connections ${command}
    rmdir "$stage"`);
  assert.equal(stderr, "");
  return [status, ...stdout.split("\n").filter(Boolean)];
}

const bash = (script: string) => spawnSync("bash", ["-c", script], { encoding: "utf8" });

describe("the converge step of a proxy", () => {
  it("renews PgBouncer's connections when none is being opened, or clients would be turned away", () => {
    const look = ["SHOW POOLS;", "SHOW VERSION;"];
    assert.deepEqual(renews([0]), [0, ...look, "RELOAD;"]);
    assert.deepEqual(renews([3, 1, 0]), [0, ...look, ...look, ...look, "RELOAD;"]);
  });
  it("fails when PgBouncer refuses", () => {
    assert.deepEqual(renews([0], "FAIL"), [3, "SHOW POOLS;", "SHOW VERSION;", "FAIL;"]);
  });
  it("restarts HAProxy while PgBouncer's clients wait, and lets them go on once the leader is seen", () => {
    assert.deepEqual(restarts("restart_haproxy"), [0, "restart haproxy", "sees the leader", "RESUME app"]);
  });
  it("leaves HAProxy alone when transactions do not end in time, and says so", () => {
    const [status, said, last] = restarts("restart_haproxy", { pause: 124 });
    assert.match(String(said), /runs on without its new limits/);
    assert.deepEqual([status, last], [0, "RESUME app"]);
  });
  it("restarts a PgBouncer that has no clients but its console's", () => {
    assert.deepEqual(restarts("restart_idle_pgbouncer"), [0, "restart pgbouncer"]);
  });
  it("leaves a PgBouncer with clients alone, and says so", () => {
    const [status, said, ...more] = restarts("restart_idle_pgbouncer", { clients: ["C|app|app|none|active"] });
    assert.match(String(said), /it has clients/);
    assert.deepEqual([status, more], [0, []]);
  });
});
