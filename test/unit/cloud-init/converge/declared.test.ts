import assert from "node:assert/strict";
import { join } from "node:path";
import { bash, temporaryFolder } from "../../support/bash";

const part = (name: string) => join(__dirname, "../../../../cloud-init/converge", `${name}.sh`);

/** What stands for the rest of the step: each notes what it does. */
const stubs = `say() { echo "says $*"; }; fail() { echo "fails: $*"; exit 1; }; stop_others() { echo stops; }
  forget_own_stop() { echo forgets; }; soon() { shift; for look in 1 2 3; do "$@" && return; done; echo waited; }`;

describe("packages of extensions, on a node", () => {
  /** @param apt what apt-get does; \`$*\` is what it is asked */
  const run = (packages: string, apt = "echo apt $* >&3") =>
    bash(
      `exec 3>&1; PACKAGES='${packages}'
       source "${part("packages")}"; ${stubs}
       dpkg-query() { case "$*" in *Version*) printf 'postgresql-17=17.9-1';; *there) printf installed;; esac; }
       apt_get() { ${apt}; }
       install_packages`,
    );

  it("are left alone when they are there, and no mirror is asked", () => {
    assert.deepEqual(run("postgresql-17-there"), { code: 0, stdout: "", stderr: "" });
    assert.deepEqual(run(""), { code: 0, stdout: "", stderr: "" });
  });

  it("are installed when they are missing, and the server stays as it is", () => {
    const { code, stdout } = run("postgresql-17-new postgresql-17-there");
    assert.equal(code, 0);
    assert.match(stdout, /^says installs postgresql-17-new$/m);
    assert.match(stdout, /^apt install .*--no-upgrade postgresql-17=17\.9-1 postgresql-17-new$/m);
  });

  it("that cannot be had stop this node and the others, and apt's own words are told", () => {
    const { code, stdout } = run("postgresql-17-new", "echo 'W: a warning'; echo 'E: Unable to locate'; return 100");
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^stops\nfails: could not install postgresql-17-new, nothing was changed\. .* apt said: E: Una/m,
    );
  });
});

describe("a database that is to be dropped, on the leader", () => {
  const folder = temporaryFolder();
  /** @param sql what running the SQL does, with $stage/.sql for what it says; \`tries\` counts */
  const run = (sql: string) =>
    bash(
      `stage=${folder()}; rm -f "$stage/.sql"; tries=0; patroni_url=x; NODE=postgresql1; SUPERUSER_OPTIONS=
       source "${part("postgresql")}"; ${stubs}
       sql_in_place() { tries=$((tries + 1)); ${sql}; }
       leave_it() { echo "puts back"; }; dynamic_in_place() { return 1; }; put_dynamic() { echo "puts etcd back"; }
       drop_or_leave_it; echo "goes on after $tries"`,
    );
  const used = `echo "psql:x:1: ERROR:  database old is to be dropped, but 2 sessions use it" >"$stage/.sql"; return 1`;

  it("is left when it stays in use: nothing is changed, here or elsewhere, and one message says why", () => {
    const { code, stdout } = run(used);
    assert.equal(code, 1);
    assert.equal(
      stdout,
      "waited\nstops\nputs back\nputs etcd back\n" +
        "fails: is left as it was: database old is to be dropped, but 2 sessions use it\n",
    );
  });

  it("goes once the pooler's sessions have ended", () => {
    assert.match(run(`((tries > 2)) && { : >"$stage/.sql"; return; }; ${used}`).stdout, /^goes on after 3$/m);
  });

  it("does not hold up what waits for something else, as a restart", () => {
    assert.equal(run(`echo 'ERROR:  must be preloaded' >"$stage/.sql"; return 1`).stdout, "goes on after 1\n");
    assert.equal(run("return 0").stdout, "goes on after 1\n");
  });
});
