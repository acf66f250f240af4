import assert from "node:assert/strict";
import { join } from "node:path";
import { convergeInput, convergeScript } from "../../../cloud-init/converge";
import { nodeFiles } from "../../../cloud-init/node-files";
import { tls } from "../../../settings/tls";
import { roles, type Role } from "../../../settings/roles";
import { matches, reactionsOf, reactionsTo, type UnitReaction } from "../../../cloud-init/reactions";
import { dynamicConfigurationFile } from "../../../cloud-init/services/patroni/record";
import { secretPaths } from "../../../scripts/summary/converge";
import { parameterChange } from "../../../scripts/summary/parameters";
import { bash, temporaryFolder } from "../support/bash";
import { secretFiles } from "../support/nodes";
import { plan, planOnAws } from "../support/settings";
import { withoutScript } from "../support/shell";

/** What the real script calls; everything that would touch this machine, or wait, does nothing. */
const stubs = `
exec 3>&1 >/dev/null
systemctl() { case $1 in restart | reload) echo "$1 \${*: -1}" >&3 ;; kill) echo "reload \${*: -1}" >&3 ;; esac; }
take_certificate() { echo "update haproxy" >&3; }
at_rest() { [[ $3 != RELOAD ]] || echo "reload $pooler" >&3; }
for name in healthy may_go member_healthy others_suffice try_parameters note forget_own_stop find_changes install_files follow take_up_new_etcd nft sshd pause_pool resume_pool haproxy_pid enable_service make_user change_authority haproxy check_poolers soon start_service rm note_done rest dynamic_in_place install_packages note_packages all_have_packages sql_in_place leave_old_schema ask_leader /opt/patroni/bin/patroni; do
  eval "$name() { :; }"
done
wait_for() { [[ $3 != replace_worker ]] || "\${@:3}"; }
new_haproxy_pid() { :; }
for name in is_leader pending_restart lowered; do eval "$name() { return 1; }"; done
in_turn() { "$1"; }
outdated() { has_changed "*/$1.service" "*/$1.service.d/*"; }
hold_leader_lock() { echo; }
stage_for_check() { echo "$stage"; }
own_state() { echo replica; }
`;

// With every service that can be switched on.
const wholes = { Incus: plan({ clock: "witnessed" }), AWS: planOnAws({ clock: "witnessed" }) };

for (const [place, whole] of Object.entries(wholes)) {
  const nodeOf = (role: Role) => whole[role][0]!;
  const secretPathsOf = (role: Role) => secretFiles(whole, nodeOf(role)).map(({ path }) => path);
  const pathsOf = (role: Role) => [
    ...nodeFiles(whole, nodeOf(role)).map(({ path }) => path),
    ...secretPathsOf(role),
    tls.ca,
    tls.client,
    tls.server,
  ];

  describe(`what a changed file does on ${place}`, () => {
    const folder = temporaryFolder();

    /** Units that a role's real converge step restarts and reloads when just these files have changed. */
    function done(role: Role, changes: string[][]): string[][] {
      const node = nodeOf(role);
      const script = convergeScript(whole, node);
      const files = [...nodeFiles(whole, node), ...secretFiles(whole, node)];
      const [head] = script.split(/\nwait_for \d+ "cloud-init/);
      const runs = changes.map((paths) => {
        const set = paths.map((path) => `[${path}]=1`).join(" ");
        return `(changed=(${set}); converge) || echo "failed" >&3; echo "--" >&3`;
      });
      const { code, stdout, stderr } = bash(
        `mktemp() { mkdir -p "$STAGE" && echo "$STAGE"; }\n${head}\n${stubs}\n${runs.join("\n")}`,
        {
          input: withoutScript(convergeInput({ script, files }, "sum", "found"), script),
          env: { STAGE: join(folder(), role) },
        },
      );
      assert.equal(code, 0, stderr);
      const parts = stdout.split("--\n").slice(0, -1);
      // What is told of one PgBouncer of a proxy holds for all of them.
      const one = (line: string) => line.replace(/ pgbouncer-\S+$/, " pgbouncer");
      return parts.map((part) => [...new Set(part.split("\n").filter(Boolean).map(one))].sort());
    }

    const said = (found: UnitReaction[]) =>
      found.map(({ kind, unit }) => `${kind === "helper" ? "restart" : kind} ${unit}`).sort();

    for (const role of roles) {
      it(`on a node of ${role} is what its converge script does, file by file`, () => {
        const paths = pathsOf(role);
        const outcomes = done(
          role,
          paths.map((path) => [path]),
        );
        assert.equal(outcomes.length, paths.length);
        assert.deepEqual(
          paths.map((path, index) => ({ path, does: outcomes[index] })),
          paths.map((path) => ({ path, does: said(reactionsTo(role, [path])) })),
        );
      });

      it(`on a node of ${role} is told of all files at once, too`, () => {
        assert.deepEqual(done(role, [pathsOf(role)]), [said(reactionsTo(role, pathsOf(role)))]);
      });

      it(`has no rule for ${role} that no file of a node meets`, () => {
        for (const rule of reactionsOf(role).flat()) {
          for (const pattern of rule.files) {
            assert.ok(
              pathsOf(role).some((path) => matches(path, pattern)),
              `${pattern} of ${rule.unit}`,
            );
          }
        }
      });

      it(`knows where the secrets of ${role} are`, () => {
        const secrets = secretPathsOf(role).filter((path) => path !== tls.key);
        assert.deepEqual(
          secretPaths(role).filter((path) => path !== tls.client && path !== tls.server),
          secrets,
        );
      });
    }

    it("is a matter of its parameters for the cluster-wide configuration", () => {
      assert.ok(pathsOf("postgresql").includes(dynamicConfigurationFile));
      assert.deepEqual(reactionsTo("postgresql", [dynamicConfigurationFile]), []);
    });
  });
}

describe("changed parameters of PostgreSQL", () => {
  const change = (before: object, after: object) => {
    const json = (parameters: object) => JSON.stringify({ ttl: 20, postgresql: { parameters } });
    return parameterChange(json(before), json(after));
  };

  it("that a running server takes up", () => {
    const found = change({ work_mem: "1MB", log_checkpoints: "on" }, { work_mem: "8MB" });
    assert.deepEqual(found, { changed: ["log_checkpoints", "work_mem"], restart: [], unsure: [], leaderFirst: false });
  });

  it("that need a restart; the leader goes first when one that standbys must have is lowered", () => {
    assert.deepEqual(change({ max_connections: 200 }, { max_connections: 300 }).restart, ["max_connections"]);
    assert.equal(change({ max_connections: 200 }, { max_connections: 300 }).leaderFirst, false);
    assert.equal(change({ max_connections: 200 }, { max_connections: 100 }).leaderFirst, true);
    assert.equal(change({ shared_buffers: "2GB" }, { shared_buffers: "1GB" }).leaderFirst, false);
  });

  it("of an extension, of which only the server knows", () => {
    assert.deepEqual(change({}, { "pg_stat_statements.max": 5000 }).unsure, ["pg_stat_statements.max"]);
  });

  it("are not other settings of Patroni, nor the same number written as text", () => {
    assert.deepEqual(parameterChange('{"ttl": 20}', '{"ttl": 30}').changed, []);
    assert.deepEqual(change({ max_connections: 200 }, { max_connections: "200" }).changed, []);
  });
});
