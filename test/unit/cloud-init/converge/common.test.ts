import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bash, self, temporaryFolder } from "../../support/bash";

const parts = join(__dirname, "../../../../cloud-init/converge");
const part = (name: string) => join(parts, `${name}.sh`);

/** The library of the converge step, run by real bash on files of this process's user below a temporary folder. */
describe("converge library", () => {
  const folder = temporaryFolder();
  const root = () => join(folder(), "root");
  const stages = () => join(folder(), "stages");
  const kept = () => join(folder(), "kept");
  let me: string;
  before(() => (me = self()));
  beforeEach(() => {
    for (const path of [root(), kept()]) rmSync(path, { recursive: true, force: true });
    for (const path of [root(), stages(), join(folder(), "bin")]) mkdirSync(path, { recursive: true });
  });

  /** Runs statements after the library, as a node's script does. $R is where its files go. */
  const run = (statements: string) =>
    bash(
      `NODE=etcd1 JOURNAL="-u etcd" CLUSTER=test ADDRESS=10.9.9.9 ETCD_ENDPOINTS=https://10.9.9.9:2379
       mktemp() { command mktemp -d "$STAGES/XXXXXX"; } # the library's own place for it belongs to root
       source "${part("common")}"
       kept=$KEPT
       source "${part("before")}"
       ${statements}`,
      {
        env: {
          R: root(),
          STAGES: stages(),
          KEPT: kept(),
          ME: me,
          PATH: `${join(folder(), "bin")}:${process.env.PATH}`,
        },
      },
    );

  /** As `run`; must succeed, and gives what it printed. */
  function ran(statements: string): string {
    const { code, stdout, stderr } = run(statements);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    return stdout.trim();
  }

  function put(path: string, content: string, mode = 0o644): void {
    const file = join(root(), path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    chmodSync(file, mode);
  }
  const modeOf = (path: string) => (statSync(join(root(), path)).mode & 0o7777).toString(8);
  const read = (path: string) => readFileSync(join(root(), path), "utf8");
  const command = (name: string, text: string) => {
    writeFileSync(join(folder(), "bin", name), `#!/bin/bash\n${text}\n`);
    chmodSync(join(folder(), "bin", name), 0o755);
  };

  describe("staging", () => {
    it("changes nothing yet, and leaves nothing behind", () => {
      ran('stage_file "$R/etc/a.conf" "$ME" 0644 <<<new; [[ $(cat "$stage$R/etc/a.conf") == new ]]');
      assert.deepEqual(readdirSync(root()), []);
      assert.deepEqual(readdirSync(stages()), []);
    });

    it("leaves nothing behind when it fails, either", () => {
      const { code, stderr } = run('stage_file "$R/a" "$ME" 0600 <<<secret; fail "no luck"; echo not reached');
      assert.equal(code, 1);
      assert.equal(stderr, "etcd1: no luck\n");
      assert.deepEqual(readdirSync(stages()), []);
    });

    it("keeps staged files from everybody else", () => {
      assert.equal(
        ran('stage_file "$R/etc/a" "$ME" 0644 <<<x; stat -c %a "$stage$R/etc/a" "$stage$R/etc"'),
        "600\n700",
      );
    });
  });

  describe("find_changes", () => {
    const changes = (stage: string) =>
      ran(`${stage}\nfind_changes; printf '%s\\n' "\${!changed[@]}"`)
        .split("\n")
        .map((path) => path.replace(`${root()}/`, ""))
        .filter(Boolean)
        .sort();

    it("finds what is new, and what differs in content or mode; nothing else", () => {
      put("same", "one\n", 0o640);
      put("content", "old\n", 0o640);
      put("mode", "one\n", 0o644);
      const stage = ["same", "mode", "new"].map((name) => `stage_file "$R/${name}" "$ME" 0640 <<<one`).join("\n");
      assert.deepEqual(changes(`${stage}\nstage_file "$R/content" "$ME" 0640 <<<two`), ["content", "mode", "new"]);
    });

    it("finds a file of another owner", () => {
      put("file", "one\n", 0o640);
      assert.deepEqual(changes('stage_file "$R/file" somebody:else 0640 <<<one'), ["file"]);
    });

    it("finds nothing when everything is in place", () => {
      put("file", "one\n", 0o600);
      assert.deepEqual(changes('stage_file "$R/file" "$ME" 0600 <<<one'), []);
    });
  });

  describe("supersede", () => {
    const lock = () => join(folder(), "running");

    it("ends a step that was broken off, waits for what that has begun, and only then goes on", () => {
      const begun = join(folder(), "begun");
      const first = `NODE=etcd1; mktemp() { command mktemp -d "$STAGES/XXXXXX"; }; source "${part("common")}"; supersede "${lock()}"
        bash -c 'touch "${begun}"; sleep 1; echo deed done'; echo not reached`;
      writeFileSync(join(folder(), "first"), first);
      const text =
        ran(`STAGES=$STAGES bash "${join(folder(), "first")}" & until [[ -e "${begun}" ]]; do sleep 0.05; done
        supersede "${lock()}"; echo second`);
      assert.deepEqual(text.split("\n"), [
        "deed done",
        "etcd1: an earlier converge step that was broken off is ended",
        "second",
      ]);
    });

    it("lets one that nobody precedes go on at once, whatever an ended one has left", () => {
      writeFileSync(lock(), "1\n");
      assert.equal(ran(`supersede "${lock()}"; echo on`), "on");
    });
  });

  describe("install_files", () => {
    it("puts changed files in place with their modes, in folders others may pass through", () => {
      ran(`stage_file "$R/etc/deep/a.conf" "$ME" 0640 <<<one
           stage_file "$R/etc/b.key" "$ME" 0600 <<<two
           find_changes; install_files`);
      assert.equal(read("etc/deep/a.conf"), "one\n");
      assert.deepEqual([modeOf("etc/deep/a.conf"), modeOf("etc/b.key"), modeOf("etc/deep")], ["640", "600", "755"]);
      assert.deepEqual(readdirSync(join(root(), "etc")).sort(), ["b.key", "deep"], "no half-written file is left");
    });

    it("leaves alone what has not changed", () => {
      put("a", "one\n", 0o600);
      const before = statSync(join(root(), "a")).ino;
      ran('stage_file "$R/a" "$ME" 0600 <<<one; stage_file "$R/b" "$ME" 0600 <<<two; find_changes; install_files');
      assert.equal(statSync(join(root(), "a")).ino, before);
      assert.equal(read("b"), "two\n");
    });

    it("replaces a file in one step: whoever has the old one open goes on reading it", () => {
      put("a", "old\n");
      const seen = ran(
        'exec 5<"$R/a"; stage_file "$R/a" "$ME" 0644 <<<new; find_changes; install_files; cat <&5 "$R/a"; cat <&5',
      );
      assert.equal(seen, "new\nold");
    });

    it("brings everything to rest: a second run finds nothing", () => {
      const stage = 'stage_file "$R/etc/a" "$ME" 0640 <<<one; find_changes; echo "${!changed[@]}"';
      assert.equal(ran(`${stage}; install_files`), join(root(), "etc/a"));
      rmSync(join(kept(), "unfinished"));
      assert.equal(ran(stage), "");
    });

    it("counts as changed what a step has changed that did not come to its end: its daemon may not know of it", () => {
      const stage = (name: string) => `stage_file "$R/etc/${name}" "$ME" 0640 <<<one`;
      const paths = (...names: string[]) => names.map((name) => join(root(), "etc", name)).join(" ");
      const found = 'find_changes; printf "%s\\n" "${!changed[@]}" | sort | paste -sd" "';
      ran(`${stage("a")}; ${stage("b")}; find_changes; install_files`);
      assert.equal(ran(`${stage("a")}; ${stage("b")}; ${stage("c")}; ${found}; install_files`), paths("a", "b", "c"));
      // Not what is no file of the node any more.
      assert.equal(ran(`${stage("b")}; ${found}`), paths("b"));
    });

    it("is not in the way of the next step when one that had no file to change did not come to its end", () => {
      put("etc/a", "one\n", 0o640);
      const stage = 'stage_file "$R/etc/a" "$ME" 0640 <<<one; find_changes; echo "${!changed[@]}"';
      assert.equal(ran(`${stage}; install_files`), "");
      assert.equal(ran(`${stage}; install_files`), "");
      // As an earlier release left it.
      writeFileSync(join(kept(), "unfinished"), "\n");
      assert.equal(ran(stage), "");
    });

    it("forgets first that the node was at its settings", () => {
      mkdirSync(kept());
      writeFileSync(join(kept(), "converged"), "converged 1\n");
      ran(`${'stage_file "$R/etc/a" "$ME" 0640 <<<one'}; find_changes; install_files`);
      assert.deepEqual(readdirSync(kept()), ["before", "unfinished"]);
    });
  });

  describe("thaw", () => {
    it("has the node's daemons go on that are stopped by a signal, and no others", () => {
      command(
        "ps",
        "printf '%s\\n' 'etcd.service Tsl' 'etcd.service T' 'pgha-witness.service Ssl' 'pgbouncer-read.service T' 'ssh.service T' 'other.service T'",
      );
      const done =
        ran(`reactions=('reload ssh /etc/ssh/*' 'restart etcd /etc/etcd/*' 'restart pgha-witness /etc/pgha/witness.json')
        systemctl() { echo "$*"; }; thaw`);
      rmSync(join(folder(), "bin/ps"));
      assert.deepEqual(done.split("\n"), [
        "kill --signal=CONT etcd",
        "etcd1: etcd was stopped by a signal, and goes on",
        "kill --signal=CONT pgbouncer-read",
        "etcd1: pgbouncer-read was stopped by a signal, and goes on",
      ]);
    });
  });

  describe("put_back", () => {
    const stage = (name: string, text: string) => `stage_file "$R/etc/${name}" "$ME" 0640 <<<${text}`;
    const quiet = "systemctl() { :; }; journalctl() { :; }";

    it("gives every file back what it was, and takes away what was new", () => {
      put("etc/a", "old\n", 0o640);
      put("etc/same", "same\n", 0o640);
      mkdirSync(kept());
      writeFileSync(join(kept(), "converged"), "converged 1\n");
      ran(`${quiet}; ${stage("a", "new")}; ${stage("same", "same")}; ${stage("b", "new")}; find_changes; install_files
        [[ $(cat "$R/etc/a" "$R/etc/b") == new*new ]]; put_back`);
      assert.equal(read("etc/a"), "old\n");
      assert.equal(modeOf("etc/a"), "640");
      assert.deepEqual(readdirSync(join(root(), "etc")).sort(), ["a", "same"]);
      assert.deepEqual(readdirSync(kept()), ["converged"], "the node is known to be at the settings before");
    });

    it("goes back behind steps that were broken off, to what did work", () => {
      put("etc/a", "first\n", 0o640);
      ran(`${stage("a", "second")}; find_changes; install_files`);
      ran(`${quiet}; ${stage("a", "third")}; ${stage("b", "new")}; find_changes; install_files; put_back`);
      assert.equal(read("etc/a"), "first\n");
      assert.ok(!existsSync(join(root(), "etc/b")));
    });

    it("is for steps that did not end: one that did keeps nothing", () => {
      put("etc/a", "old\n", 0o640);
      ran(`${stage("a", "new")}; find_changes; install_files; given=1
        eval "$(declare -f end_changes | sed 's#/usr/local/lib/pgha/drift.sh note.*#cat >/dev/null#')"; end_changes`);
      assert.ok(!existsSync(join(kept(), "before")));
    });
  });

  describe("unless_stopped", () => {
    const others = (names: string) => {
      command("etcdctl", `case "$*" in *"get --prefix --keys-only /pgha/test/stopped/etcd") printf '${names}' ;; esac`);
      return run('leave_it() { echo "gives it up"; }; unless_stopped echo "goes on"');
    };

    it("goes on when no other node has found that it does not work", () => {
      assert.deepEqual(others(""), { code: 0, stdout: "goes on\n", stderr: "" });
    });

    it("gives it up, and says because of whom, when one has", () => {
      assert.deepEqual(others("/pgha/test/stopped/etcd2\\n\\n"), {
        code: 1,
        stdout: "gives it up\n",
        stderr: "etcd1: is left as it was: the new settings do not work on etcd2\n",
      });
    });
  });

  describe("has_changed", () => {
    const answer = (...patterns: string[]) =>
      ran(`changed=([/etc/etcd/etcd.yml]=1 [/etc/systemd/system/x.service]=1)
           if has_changed ${patterns.map((pattern) => `'${pattern}'`).join(" ")}; then echo yes; else echo no; fi`);

    it("knows paths and patterns", () => {
      assert.equal(answer("/etc/etcd/etcd.yml"), "yes");
      assert.equal(answer("/etc/etcd/*"), "yes");
      assert.equal(answer("/nothing", "*/x.service"), "yes");
      assert.equal(answer("/etc/etcd"), "no");
      assert.equal(answer("/etc/patroni/*", "*/y.service"), "no");
    });

    it("says no when nothing has changed", () => assert.equal(ran("has_changed '*' || echo no"), "no"));
  });

  describe("stage_for_check", () => {
    it("copies the staged files so that each names the others' copies; what is installed stays out of it", () => {
      put("etc/main.cfg", "installed\n");
      const text = ran(
        `stage_file "$R/etc/main.cfg" "$ME" 0644 <<<"include $R/etc/other.cfg, $R/tls/key and $R/tls/else"
         stage_file "$R/etc/other.cfg" "$ME" 0644 <<<"key $R/tls/key"
         stage_file "$R/tls/key" "$ME" 0600 <<<secret
         copy=$(stage_for_check); cat "$copy$R"/etc/*.cfg | sed "s#$copy#COPY#g"; stat -c %a "$copy$R/tls/key"`,
      );
      const at = `COPY${root()}`;
      assert.equal(text, `include ${at}/etc/other.cfg, ${at}/tls/key and ${root()}/tls/else\nkey ${at}/tls/key\n600`);
      assert.equal(read("etc/main.cfg"), "installed\n");
    });

    it("is not a staged file itself: nothing of it is installed", () => {
      ran('stage_file "$R/a" "$ME" 0644 <<<one; copy=$(stage_for_check); find_changes; install_files');
      assert.deepEqual(readdirSync(root()), ["a"]);
    });
  });

  describe("wait_for", () => {
    it("goes on as soon as the command succeeds", () => {
      assert.equal(ran('tries=0; third() { ((++tries == 3)); }; wait_for 5 "the third try" third; echo $tries'), "3");
    });

    it("hands its arguments to the command", () => {
      assert.equal(
        ran('same() { [[ $1 == "a b" && $2 == c ]]; }; wait_for 1 "equality" same "a b" c; echo done'),
        "done",
      );
    });

    it("fails after its deadline and says what was awaited, and where to look", () => {
      const { code, stdout, stderr } = run('wait_for 1 "a miracle" false; echo not reached');
      assert.equal(code, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /^etcd1: waited 1 s for: a miracle. .*journalctl -u etcd/);
    });
  });

  describe("in_turn", () => {
    beforeEach(() => command("setpriv", 'while [[ $1 == -* ]]; do shift 2; done; exec "$@"'));
    const held = () => join(root(), "held");

    it("runs while the lock is held, and gives it back", () => {
      command(
        "etcdctl",
        `trap 'rm ${held()}; exit' TERM\ntouch ${held()}; echo /pgha/test/turn/1\nwhile :; do sleep 0.02; done`,
      );
      assert.equal(
        ran("work() { [[ -e $R/held ]] && echo held; }; in_turn work; [[ -e $R/held ]] || echo free"),
        "held\nfree",
      );
    });

    it("gives the lock back when the work fails", () => {
      command(
        "etcdctl",
        `trap 'rm ${held()}; exit' TERM\ntouch ${held()}; echo /pgha/test/turn/1\nwhile :; do sleep 0.02; done`,
      );
      const { code, stderr } = run('work() { fail "broken"; }; in_turn work');
      assert.equal(code, 1);
      assert.match(stderr, /etcd1: broken/);
      assert.ok(
        bash(`for i in {1..500}; do [[ -e ${held()} ]] || exit 0; sleep 0.02; done; exit 1`).code === 0,
        "still held",
      );
    });

    it("says why when there is no lock to be had", () => {
      command("etcdctl", "echo 'context deadline exceeded' >&2; exit 1");
      const { code, stdout, stderr } = run("work() { echo worked; }; in_turn work");
      assert.equal(code, 1);
      assert.equal(stdout, "");
      assert.match(stderr, /etcd1: .*turn.*: .*context deadline exceeded/);
    });
  });
});

/**
 * How a database node hands over and restarts, run by real bash against a Patroni that is a function of the shell, and against answers
 * of decide.py, whose own tests are in test/unit/cloud-init/services/patroni/.
 */
describe("converge of a database node", () => {
  const folder = temporaryFolder();

  /** An answer of decide.py. */
  interface Answer {
    go: boolean;
    reasons: { text: string }[];
    request: { leader: string; candidate?: string } | null;
  }
  const may = (request: Answer["request"] = null, ...reasons: string[]): Answer => ({
    go: true,
    reasons: reasons.map((text) => ({ text })),
    request,
  });
  const mayNot = (...reasons: string[]): Answer => ({ ...may(null, ...reasons), go: false });
  const anybody = { leader: "postgresql1" };
  const second = { leader: "postgresql1", candidate: "postgresql2" };

  /**
   * Runs statements after both parts of a node's script. Each question has its answers, whose last one stays; one without answers may
   * be done. A POST is noted, and what was asked for is done at once unless it is `refused`.
   */
  function run(
    statements: string,
    answers: Record<string, Answer[]> = {},
    { node = "postgresql1", refused = false, lowered = {} as Record<string, number> } = {},
  ) {
    const log = join(folder(), "log");
    const here = join(folder(), "answers");
    rmSync(here, { recursive: true, force: true });
    rmSync(log, { force: true });
    rmSync(join(folder(), "done"), { force: true });
    const order = { ...may(), order: [node], lowered: Object.keys(lowered).length > 0 ? { [node]: lowered } : {} };
    const all = { switchover: [may(anybody)], restart: [may()], stranger: [may()], order: [order], ...answers };
    for (const [question, list] of Object.entries(all)) {
      mkdirSync(join(here, question), { recursive: true });
      list.forEach((answer, index) =>
        writeFileSync(join(here, question, String(index).padStart(3, "0")), JSON.stringify(answer)),
      );
    }
    const ran = bash(
      `NODE=${node} JOURNAL="-u patroni" CLUSTER=test ADDRESS=10.9.9.9 DATABASE_HOSTS=10.9.9.1 SYNCHRONOUS=quorum SUPERUSER_OPTIONS=
       mktemp() { command mktemp -d "$DIR/stage.XXXXXX"; }
       for part in common before configuration postgresql; do source "${parts}/$part.sh"; done
       answered=
       switchover_lock=$DIR/lock
       decide() {
         local answers=("$DIR/answers/$1"/*)
         answer=$(<"\${answers[0]}")
         ((\${#answers[@]} == 1)) || rm "\${answers[0]}"
         [[ $answer == *'"go":true'* ]]
       }
       rest() {
         case "$*" in
           *"-X POST"*) echo "POST $*" | sed 's/ -[^{]*-d / /; s#https://[^/]*##' >>"$DIR/log"; ${refused ? "return 22" : 'touch "$DIR/done"'} ;;
         esac
       }
       is_leader() { [[ $NODE == postgresql1 && ! -e $DIR/done ]]; }
       healthy() { :; }
       in_turn() { echo "turn" >>"$DIR/log"; "$1"; }
       unset SECONDS; SECONDS=0 # time passes in sleep only
       sleep() { SECONDS=$((SECONDS + 5)); echo waits >>"$DIR/log"; }
       flock() { [[ \${BUSY:-} != 1 ]]; }
       systemctl() { echo "systemctl $*" >>"$DIR/log"; }
       pending_restart() { [[ \${PENDING:-1} == 1 ]]; }
       ${statements}`,
      { env: { DIR: folder() } },
    );
    const done = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
    return { ...ran, done };
  }
  const free = 'POST {"leader":"postgresql1"} /switchover';
  const named = 'POST {"leader":"postgresql1","candidate":"postgresql2"} /switchover';

  it("hands over to whom it is told to", () => {
    const { code, done, stderr } = run("give_way");
    assert.deepEqual([code, done, stderr], [0, [free], ""]);
    assert.deepEqual(run("give_way", { switchover: [may(second)] }).done, [named]);
  });

  it("takes a configuration for taken up once two further rounds of Patroni have begun", () => {
    const asked = `own_state() { echo "$now"; }; for now in 5 5 6 6 6 7 7; do if taken_up; then echo "$now"; fi; done`;
    assert.equal(run(asked).stdout.trim(), "7\n7");
  });

  it("waits a little for what is better waited for: a standby that has just restarted", () => {
    const restarted = may(second, "postgresql3 is not synchronous");
    const { done } = run("give_way", { switchover: [restarted, restarted, may(anybody)] });
    assert.deepEqual(done, ["waits", "waits", free]);
  });

  it("does not wait for that for ever", () => {
    const { done } = run("give_way", { switchover: [may(second, "postgresql3 is starting, not streaming")] });
    assert.deepEqual([...new Set(done)], ["waits", named]);
    assert.equal(done.length, 30 / 5 + 1);
  });

  it("waits for longer while it may not, as in failsafe mode, and then does not", () => {
    const failsafe = mayNot("postgresql3 may hold on to it");
    const { done } = run("give_way", { switchover: [...Array.from({ length: 10 }, () => failsafe), may(anybody)] });
    assert.deepEqual([...new Set(done)], ["waits", free]);
    const { code, stderr } = run("give_way", { switchover: [failsafe] });
    assert.equal(code, 1);
    assert.match(stderr, /must restart, but no other node may take over: postgresql3 may hold on to it$/m);
  });

  it("does nothing when it leads no more", () => {
    assert.deepEqual(run("give_way; echo on", {}, { node: "postgresql2" }), {
      code: 0,
      done: [],
      stdout: "on\n",
      stderr: "",
    });
  });

  const refusals: [string, string, object, RegExp][] = [
    ["a switchover is under way", "BUSY=1; give_way", {}, /a switchover has been under way for 60 s/],
    ["Patroni refuses", "give_way", { refused: true }, /Patroni did not switch over/],
    ["it does not come back", "healthy() { false; }; give_way", {}, /another node to lead/],
    [
      "nobody says who may go next",
      'decide() { answer=; echo "KeyError: 7" >"$stage/.decide"; false; }; give_way',
      {},
      /no other node may take over: KeyError: 7$/m,
    ],
  ];
  for (const [name, statements, options, message] of refusals) {
    it(`ends, and says why, when ${name}`, () => {
      const { code, stdout, stderr } = run(`${statements}; echo on`, {}, options);
      assert.equal(code, 1);
      assert.doesNotMatch(stdout, /^on$/m);
      assert.match(stderr, message);
    });
  }

  describe("of a cluster that a node leads which is to go", () => {
    const relieve = "until no_stranger_leads; do sleep 1; done";
    const request = { leader: "postgresql4" };
    const relieved = 'POST {"leader":"postgresql4"} /switchover';

    it("does nothing when none does", () => assert.deepEqual(run(relieve).done, []));

    it("has it hand over, in turn", () => {
      assert.deepEqual(run(relieve, { stranger: [may(request), may(request), may()] }).done, [
        "turn",
        relieved,
        "waits",
      ]);
    });

    it("does not when another node has had it hand over meanwhile", () => {
      assert.deepEqual(run(relieve, { stranger: [may(request), may()] }).done, ["turn", "waits"]);
    });

    it("says why it cannot yet", () => {
      const stranger = [...Array.from({ length: 9 }, () => mayNot("no standby can take over")), may()];
      const { done, stdout } = run(relieve, { stranger });
      assert.deepEqual([...new Set(done)], ["turn", "waits"]);
      assert.match(stdout, /the leader is to go, but no other node may take over: no standby can take over/);
    });
  });

  const restart = "POST {} /restart";

  it("restarts the leader after it has given way", () => {
    assert.deepEqual(run("restart_postgresql").done, [free, restart]);
  });

  it("does not restart again what the switchover has restarted already", () => {
    const { done } = run("pending_restart() { is_leader; }; restart_postgresql", {
      restart: [mayNot("no other standby")],
    });
    assert.deepEqual(done, [free]);
  });

  it("waits for others to be well, but not for ever", () => {
    const away = may(null, "postgresql3 is creating replica, not streaming");
    const node = "postgresql2";
    assert.deepEqual(run("restart_postgresql", { restart: [away, may()] }, { node }).done, ["waits", restart]);
    const { done } = run("restart_postgresql", { restart: [away] }, { node });
    assert.deepEqual([...new Set(done)], ["waits", restart]);
    assert.equal(done.length, 120 / 5 + 1);
  });

  it("does not restart when it may not", () => {
    const answers = { restart: [mayNot("no other standby confirms commits while postgresql2 restarts")] };
    const { code, done, stderr } = run("restart_postgresql", answers, { node: "postgresql2" });
    assert.deepEqual([code, [...new Set(done)]], [1, ["waits"]]);
    assert.match(stderr, /must restart, but may not: no other standby confirms commits while postgresql2 restarts$/m);
  });

  it("that does not come back is put back, stops the others, and says PostgreSQL's own words", () => {
    const { code, done, stderr } = run(
      `healthy() { [[ -e $DIR/put ]]; }; own_state() { echo "start failed"; }
       stop_others() { echo stops >>"$DIR/log"; }; put_back() { touch "$DIR/put"; echo "puts back" >>"$DIR/log"; }
       journalctl() { echo '[7] postgres FATAL:  could not map anonymous shared memory'; }
       rm -f "$DIR/put"; restart_postgresql`,
      {},
      { node: "postgresql2" },
    );
    assert.deepEqual([code, done], [1, [restart, "stops", "puts back", "systemctl restart patroni"]]);
    assert.match(stderr, /did not come back .* no other node was restarted\. It said: FATAL: {2}could not map/);
  });

  it("restarts a leader in place that must go first", () => {
    assert.deepEqual(run("restart_postgresql", {}, { lowered: { max_connections: 100 } }).done, [restart]);
  });

  it("restarts Patroni when its unit has changed", () => {
    const { done } = run("restart_patroni=1; restart_postgresql");
    assert.deepEqual(done, [free, "systemctl restart patroni"]);
  });

  describe("takes its turn", () => {
    /** @param arrived after how many looks the lower values are here */
    const due = (arrived: number) => `unless_stopped() { "$@"; }; note_done() { echo noted >>"$DIR/log"; }
      all_done() { echo asks >>"$DIR/log"; }; restart_among_still_proxies() { echo restarts >>"$DIR/log"; }
      PGBIN=$DIR; PGDATA=x; echo 0 >"$DIR/looks"
      printf '#!/bin/bash\\nlooks=$(cat "$DIR/looks"); echo $((looks + 1)) >"$DIR/looks"
      echo "max_connections setting:              $((looks < ${arrived} ? 200 : 100))"\\n' >"$DIR/pg_controldata"
      chmod +x "$DIR/pg_controldata"; restart_when_due`;
    const lowered = { max_connections: 100 };

    it("after the replicas, where it leads; else at once", () => {
      assert.deepEqual(run(due(0)).done, ["asks", "turn", "restarts", "noted"]);
      assert.deepEqual(run(due(0), {}, { node: "postgresql2" }).done, ["turn", "restarts", "noted"]);
    });

    it("first, where it leads and a parameter is lowered; the others once the lower values have come from there", () => {
      assert.deepEqual(run(due(0), {}, { lowered }).done, ["turn", "restarts", "noted"]);
      const { done } = run(due(3), {}, { lowered, node: "postgresql2" });
      assert.deepEqual(done, ["waits", "waits", "waits", "turn", "restarts", "noted"]);
    });

    it("not at all when nothing is due", () => assert.deepEqual(run(`PENDING=0; ${due(0)}`).done, ["noted"]));
  });
});
