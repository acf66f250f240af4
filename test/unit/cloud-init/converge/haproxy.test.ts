/** How a proxy's daemons take up what needs a restart (cloud-init/converge/haproxy.sh). */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { reactionsInBash } from "../../../../cloud-init/reactions";
import { tls } from "../../../../settings/tls";
import { temporaryFolder } from "../../support/bash";

const part = (name: string) => join(__dirname, `../../../../cloud-init/converge/${name}.sh`);
const script = part("haproxy");
const sourced = `source ${part("poolers")}; source ${script}`;

/**
 * Restarts a daemon, and gives what that does.
 * @param pause exit code of PgBouncer's PAUSE
 * @param clients rows of SHOW CLIENTS, beside the console's own
 */
function restarts(
  what: "restart_haproxy" | "each_pooler restart_idle_pooler",
  { pause = 0, clients = [] as string[] } = {},
) {
  const rows = ["C|pgbouncer|pgbouncer|none|active", "C|pgha-gate|pgbouncer|none|active", ...clients].join("\n");
  const { status, stdout, stderr } = spawnSync(
    "bash",
    [
      "-c",
      `set -euo pipefail
      exec 3>&1
      ${sourced}
      POOLERS=pgbouncer:/var/run/postgresql:6432
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
    ${sourced}
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

const certificate = "-----BEGIN CERTIFICATE-----\nof the stats page\n\n-----END CERTIFICATE-----\n";
const key = "-----BEGIN EC PRIVATE KEY-----\nof this node\n-----END EC PRIVATE KEY-----\n";

/**
 * Gives the worker its certificate, and tells how that ends, each program that was started, and what HAProxy's socket was told.
 * @param shows the fingerprint of what HAProxy says that it has afterwards
 */
function takes(folder: string, shows: string) {
  const [crt, node, told] = ["server.crt", "node.key", "told"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(crt, certificate);
  writeFileSync(node, key);
  const program = readFileSync(script, "utf8").replaceAll(tls.server, crt).replaceAll(tls.key, node);
  const { stdout, stderr } = bash(`set -euo pipefail
    exec 3>&1
    rm -f ${told}
    ${program}
    openssl() { echo "sha1 Fingerprint=AB:CD:EF"; }
    timeout() { shift; "$@"; }
    socat() {
      echo "socat $*" >&3
      tee -a ${told} | sed -n 's/^show ssl cert .*/SHA1 FingerPrint: ${shows}/p'
    }
    if take_certificate; then echo taken; else echo refused; fi`);
  assert.equal(stderr, "");
  return { ...lines(stdout), told: readFileSync(told, "utf8").replaceAll(crt, tls.server) };
}

/** What the daemons' part of the step does about HAProxy when these files have changed. */
function follows(changed: string[], { taken = true, leader = true } = {}) {
  const { status, stdout, stderr } = bash(`set -euo pipefail
    source ${part("common")}
    ${reactionsInBash("haproxy")}
    ${sourced}
    for name in stage_for_check check_poolers make_user haproxy find_changes install_machine start_service converge_gate change_authority renew_connections; do
      eval "$name() { :; }"
    done
    for path in ${changed.join(" ")}; do changed[$path]=1; done
    DATABASE_HOSTS=postgresql1
    POOLERS=pgbouncer:/var/run/postgresql:6432
    NODE=haproxy1
    systemctl() { [[ $1 == is-active ]] || echo "$*"; }
    outdated() { return 1; }
    curl() { ${leader}; }
    wait_for() { [[ $2 != *worker ]] || "\${@:3}"; }
    new_haproxy_pid() { echo "waits for another than $1"; }
    soon() { :; }
    say() { :; }
    in_turn() { echo "turn begins"; "$1"; echo "turn ends"; }
    take_certificate() { echo "certificate"; ${taken}; }
    haproxy_pid() { echo 7; }
    converge`);
  assert.equal(stderr, "");
  assert.equal(status, 0);
  return lines(stdout).lines;
}

const lines = (text: string) => ({ lines: text.split("\n").filter(Boolean) });
const bash = (script: string) => spawnSync("bash", ["-c", script], { encoding: "utf8" });

describe("the converge step of a proxy", () => {
  const folder = temporaryFolder();
  const reload = ["kill --kill-whom=main --signal=USR2 haproxy", "waits for another than 7"];
  const inTurn = ["turn begins", ...reload, "turn ends"];

  it("reloads HAProxy in its turn, and not at all for a certificate that the worker takes", () => {
    assert.deepEqual(follows(["/etc/haproxy/haproxy.cfg"]), inTurn);
    assert.deepEqual(follows([tls.server, tls.client]), ["certificate"]);
    assert.deepEqual(follows([tls.client]), []);
  });
  it("reloads it when the worker does not take the certificate, and for what it cannot take", () => {
    assert.deepEqual(follows([tls.server], { taken: false }), ["certificate", ...inTurn]);
    assert.deepEqual(follows([tls.server, tls.ca]), inTurn);
  });
  it("reloads it without a turn while nobody leads who could give one", () => {
    assert.deepEqual(follows(["/etc/haproxy/haproxy.cfg"], { leader: false }), reload);
  });

  it("tells the worker certificate and key on its socket, and believes what it shows then", () => {
    const { lines: done, told } = takes(folder(), "ABCDEF");
    assert.equal(done.at(-1), "taken");
    const payload = (certificate + key).replace("\n\n", "\n");
    const file = tls.server;
    assert.equal(told, `set ssl cert ${file} <<\n${payload}\ncommit ssl cert ${file}\nshow ssl cert ${file}\n`);
    assert.deepEqual([...new Set(done.slice(0, -1))], ["socat -t 5 - /run/haproxy/admin.sock"]);
    assert.equal(takes(folder(), "123456").lines.at(-1), "refused");
    assert.equal(takes(folder(), "").lines.at(-1), "refused");
  });

  it("renews PgBouncer's connections when none is being opened, or clients would be turned away", () => {
    const look = ["SHOW POOLS;", "SHOW VERSION;"];
    assert.deepEqual(renews([0]), [0, ...look, "RELOAD;"]);
    assert.deepEqual(renews([3, 1, 0]), [0, ...look, ...look, ...look, "RELOAD;"]);
  });
  it("fails when PgBouncer refuses", () => {
    assert.deepEqual(renews([0], "FAIL"), [3, "SHOW POOLS;", "SHOW VERSION;", "FAIL;"]);
  });
  it("restarts HAProxy while PgBouncer's clients wait, and lets them go on once the leader is seen", () => {
    assert.deepEqual(restarts("restart_haproxy"), [0, "restart haproxy", "sees the leader", "RESUME"]);
  });
  it("leaves HAProxy alone when transactions do not end in time, and says so", () => {
    const [status, said, last] = restarts("restart_haproxy", { pause: 124 });
    assert.match(String(said), /runs on without its new limits/);
    assert.deepEqual([status, last], [0, "RESUME"]);
  });
  it("takes those of its PgBouncers away that the settings know no more, and goes on", () => {
    const units = folder();
    for (const unit of ["pgbouncer-2", "pgbouncer-3"]) writeFileSync(join(units, `${unit}.service`), "");
    const { status, stdout, stderr } = bash(`set -euo pipefail
      source ${part("common")}
      ${sourced}
      NODE=haproxy1
      units=${units}
      owner[${units}/pgbouncer-2.service]=root:root
      systemctl() { echo "$*"; }
      take_poolers_away
      cd $units && ls pgbouncer*`);
    assert.deepEqual([status, stderr], [0, ""]);
    const done = ["disable --quiet --now pgbouncer-3", "daemon-reload", "haproxy1: pgbouncer-3 is off"];
    assert.deepEqual(lines(stdout).lines, [...done, "pgbouncer-2.service"]);
  });
  it("starts no PgBouncer beside one that lets none listen there, which is one of the release before", () => {
    const starts = (held: string) => {
      const { status, stdout, stderr } = bash(`set -euo pipefail
        ${sourced}
        POOLERS='one:/run/1:6432 two:/run/2:6432 read:/run/1:6433'
        enable_service() { echo "enable $1"; }
        start_service() { echo "start $1"; }
        systemctl() { [[ $3 == one ]]; }
        pgbouncer_admin() { if [[ $pooler == one ]]; then printf 'so_reuseaddr|0|\nso_reuseport|${held}|0|no\n'; else return 2; fi; }
        say() { echo "$*"; }
        each_pooler start_pooler`);
      assert.deepEqual([status, stderr], [0, ""]);
      return lines(stdout).lines;
    };
    assert.deepEqual(starts("1"), ["start one", "start two", "start read"]);
    const said = "two comes when one is restarted, which has clients. `pgha status` says how to end that";
    assert.deepEqual(starts("0"), ["start one", "enable two", said, "start read"]);
  });
  it("restarts a PgBouncer that has no clients but its console's", () => {
    assert.deepEqual(restarts("each_pooler restart_idle_pooler"), [0, "restart pgbouncer"]);
  });
  it("leaves a PgBouncer with clients alone, and says so", () => {
    const [status, said, ...more] = restarts("each_pooler restart_idle_pooler", { clients: ["C|app|app|none|active"] });
    assert.match(String(said), /it has clients/);
    assert.deepEqual([status, more], [0, []]);
  });
});
