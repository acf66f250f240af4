import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bash, temporaryFolder } from "../../support/bash";

const part = (name: string) => join(__dirname, `../../../../cloud-init/converge/${name}.sh`);
const peer = (n: number) => `https://10.9.9.${n}:2380`;
const client = (n: number) => `https://10.9.9.${n}:2379`;
/** A member as `/members` tells of it. */
const known = (n: number, change: object = {}) => ({
  name: `etcd${n}`,
  peerURLs: [peer(n)],
  clientURLs: [client(n)],
  ...change,
});
/** A member as `etcdctl member list` tells of it. */
const listed = (n: number, { learner = false, started = true } = {}) =>
  `a${n}, ${started ? "started" : "unstarted"}, ${started ? `etcd${n}` : ""}, ${peer(n)}, ${started ? client(n) : ""}, ${learner}`;

interface World {
  /** What machines answer on their peer ports; those that are not in it are silent. */
  peers?: Record<number, object[]>;
  /** `etcdctl member list`; none: there is no quorum. */
  list?: string[];
  /** `etcdctl endpoint status` of survivors: leader, term and index. */
  status?: Record<number, [leader: number, term: number, index: number]>;
  /** Members that `endpoint health` calls healthy. */
  healthy?: number[];
  /** Whose etcd leads. */
  leader?: number;
  /** How many members there are by the settings. */
  size?: number;
  /** The node that runs. */
  self?: number;
}

/** How an etcd node finds its place, run by real bash; etcd and the other machines are functions of the shell. */
describe("converge of an etcd node", () => {
  const folder = temporaryFolder();

  function run(statements: string, { peers = {}, list, status = {}, healthy = [], leader, size = 3, self = 1 }: World) {
    const here = join(folder(), "world");
    rmSync(here, { recursive: true, force: true });
    mkdirSync(here);
    for (const [n, members] of Object.entries(peers)) writeFileSync(join(here, `peer${n}`), JSON.stringify(members));
    if (list) writeFileSync(join(here, "list"), list.map((line) => `${line}\n`).join(""));
    const members = Array.from({ length: size }, (_, index) => `etcd${index + 1}=${peer(index + 1)}`).join(",");
    const states = Object.entries(status).map(([n, [leader, raftTerm, raftIndex]]) =>
      JSON.stringify({ Endpoint: client(Number(n)), Status: { leader, raftTerm, raftIndex } }),
    );
    const { code, stdout, stderr } = bash(
      `NODE=etcd${self} JOURNAL="-u etcd" CLUSTER=test ADDRESS=10.9.9.${self} ETCD_ENDPOINTS=none ETCD_MEMBERS=${members}
       mktemp() { command mktemp -d "$DIR/stage.XXXXXX"; }
       source "${part("common")}"; source "${part("before")}"; source "${part("etcd")}"
       members_by() { local n=\${1#https://10.9.9.}; cat "$DIR/world/peer\${n%:*}" 2>/dev/null; }
       etcd_ctl() {
         case "$1 $2" in
           "member list") cat "$DIR/world/list" 2>/dev/null ;;
           "endpoint status") if [[ $ETCD_ENDPOINTS == "${leader ? client(leader) : "nobody"}" ]]; then echo '[{"Status":{"leader":7,"header":{"member_id":7}}}]'
             else echo '[${states.join(",")}]'; fi ;;
           "endpoint health") echo '[${healthy.map((n) => `{"endpoint":"${client(n)}","health":true}`).join(",")}]' | jq --arg of ",$ETCD_ENDPOINTS," 'map(select(.endpoint as $e | $of | contains("," + $e + ",")))' ;;
           *) echo "etcdctl $*" ;;
         esac
       }
       eval "etcd_noting() $(declare -f etcd_ctl | tail -n +2)"
       etcd_ctl() { local said; said=$(etcd_noting "$@") || return; if [[ $said == etcdctl* ]]; then echo "$said" >>"$DIR/world/done"; else echo "$said"; fi; }
       in_turn() { "$1"; }
       sleep() { :; }
       ${statements}
       cat "$DIR/world/done" 2>/dev/null`,
      { env: { DIR: folder() } },
    );
    return { code, stderr, said: stdout.trim().split("\n").filter(Boolean) };
  }

  const old = [known(1), known(2), known(3)];
  const certain: World = { peers: { 1: old, 2: [], 3: [] }, status: { 1: [0, 5, 100] } };
  const lost = (world: World) =>
    run("if majority_lost >/dev/null; then echo lost; else echo not; fi", world).said.join();

  describe("takes the majority for lost", () => {
    it("when so many say that they have no data that the others are none", () => assert.equal(lost(certain), "lost"));

    it("on the survivor that knows most, and there only", () => {
      const all = [1, 2, 3, 4, 5].map((n) => known(n));
      const world: World = {
        size: 5,
        peers: { 1: all, 2: all, 3: [], 4: [], 5: [] },
        status: { 1: [0, 5, 100], 2: [0, 5, 101] },
      };
      assert.equal(lost(world), "not");
      assert.equal(lost({ ...world, self: 2 }), "lost");
      assert.equal(lost({ ...world, status: { 1: [0, 6, 90], 2: [0, 5, 101] } }), "lost", "a later term counts more");
    });

    it("without learners, who never voted", () => {
      const members = [known(1), known(2, { isLearner: true }), known(3)];
      assert.equal(lost({ ...certain, peers: { 1: members, 2: [], 3: [] } }), "lost");
      const alone = [known(1), known(2, { isLearner: true }), known(3, { isLearner: true })];
      assert.equal(lost({ ...certain, peers: { 1: alone, 2: [], 3: [] } }), "not");
    });
  });

  describe("does not take the majority for lost", () => {
    const cases: [string, World][] = [
      ["when a machine is silent: it is cut off, or off", { ...certain, peers: { 1: old, 2: [] } }],
      ["when all others are silent", { ...certain, peers: { 1: old } }],
      [
        "when just one of three has no data",
        { ...certain, peers: { 1: old, 2: old, 3: [] }, status: { 1: [0, 5, 100], 2: [0, 5, 100] } },
      ],
      ["when there is a leader", { ...certain, status: { 1: [7, 5, 100] } }],
      ["when its own etcd does not answer", { ...certain, peers: { 2: [], 3: [] } }],
      ["when its own etcd has never run", { ...certain, peers: { 1: [known(1, { clientURLs: [] })], 2: [], 3: [] } }],
      [
        "when another survivor does not say how much it knows",
        {
          size: 5,
          peers: { 1: [1, 2, 3, 4, 5].map((n) => known(n)), 2: old, 3: [], 4: [], 5: [] },
          status: { 1: [0, 5, 100] },
        },
      ],
      [
        "when those without data are not those who vote: the list it knows may be old",
        { ...certain, peers: { 1: [known(1), known(4), known(5)], 2: [], 3: [] } },
      ],
    ];
    for (const [name, world] of cases) it(name, () => assert.equal(lost(world), "not"));
  });

  describe("without data", () => {
    const place = (world: World) => run('place_found && echo "$place"', { ...world, self: 3 }).said.join();

    it("begins a cluster when nobody has data, or only those who have begun just now", () => {
      assert.equal(place({ peers: { 1: [], 2: [] } }), "begin");
      assert.equal(place({ peers: { 1: [known(1, { clientURLs: [] })], 2: [] } }), "begin");
      assert.equal(place({ size: 1, peers: {} }), "");
      assert.equal(run('place_found && echo "$place"', { size: 1 }).said.join(), "begin");
    });

    it("waits while one is silent, for that may have data", () => {
      assert.equal(place({ peers: { 1: [] } }), "");
      assert.equal(place({ peers: {} }), "");
    });

    it("joins those who have run once they have a quorum, and never begins beside them", () => {
      assert.equal(place({ peers: { 1: old, 2: [] } }), "");
      assert.equal(place({ peers: { 1: old, 2: [] }, list: [listed(1)] }), "running");
    });

    const join = (world: World) =>
      run(
        'first_start() { printf "start %s\\n" "$@"; }; votes() { etcd_ctl promotes itself; }; join; echo "joined ${joined:-no}"',
        world,
      ).said;

    it("is added as a learner, starts, and votes at last", () => {
      const running = [listed(1), listed(2), listed(3)];
      assert.deepEqual(
        join({ size: 4, self: 4, peers: { 1: old, 2: old, 3: old }, list: running, healthy: [1, 2, 3] }),
        [
          `start initial-cluster: etcd1=${peer(1)},etcd2=${peer(2)},etcd3=${peer(3)}`,
          "start initial-cluster-state: existing",
          "joined 1",
          `etcdctl member add etcd4 --learner --peer-urls ${peer(4)}`,
          "etcdctl promotes itself",
        ],
      );
    });

    it("goes on with the entry that it finds when it was broken off", () => {
      const list = [listed(1), listed(2), listed(3, { learner: true, started: false })];
      assert.deepEqual(join({ self: 3, peers: { 1: old, 2: old }, list, healthy: [1, 2] }), [
        `start initial-cluster: etcd1=${peer(1)},etcd2=${peer(2)},etcd3=${peer(3)}`,
        "start initial-cluster-state: existing",
        "joined 1",
        "etcdctl promotes itself",
      ]);
    });

    it("takes the place of the one whose data is gone, unless nobody could decide without that", () => {
      const list = [listed(1), listed(2), listed(3)];
      const said = join({ self: 3, peers: { 1: old, 2: old }, list, healthy: [1, 2] });
      assert.deepEqual(said.slice(-3), [
        "etcdctl member remove a3",
        `etcdctl member add etcd3 --learner --peer-urls ${peer(3)}`,
        "etcdctl promotes itself",
      ]);
      assert.deepEqual(join({ self: 3, peers: { 1: old, 2: old }, list, healthy: [1] }), ["joined no"]);
    });
  });

  describe("restarts a member", () => {
    const three = { list: [listed(1), listed(2), listed(3)] };
    const daemons = (comesBack: string) => `
      systemctl() { echo "$1 $2"; }; soon() { :; }; stopped_by() { return 1; }; put_back() { echo "puts back"; back=1; }; stop_others() { echo stops; }
      journalctl() { echo '{"level":"fatal","msg":"no such key"}'; }
      wait_for() { shift 2; "$@" || fail "waited in vain"; }
      member_healthy() { ${comesBack}; }; restart_etcd`;

    it("while the others can do without it", () => {
      assert.deepEqual(run(daemons(":"), { ...three, healthy: [2, 3] }).said, ["restart etcd"]);
      const { code, said } = run(daemons(":"), { ...three, healthy: [1, 2] });
      assert.deepEqual([code, said], [1, []]);
    });

    it("that does not come back is put back, stops the others, and says etcd's own words", () => {
      const { code, said, stderr } = run(daemons("[[ -n ${back:-} ]]"), { ...three, healthy: [2, 3] });
      assert.deepEqual([code, said], [1, ["restart etcd", "stops", "puts back", "restart etcd"]]);
      assert.match(stderr, /did not come back .* no other member was restarted\. It said: .*no such key/);
    });
  });

  describe("removes members that the settings know no more", () => {
    const five = [1, 2, 3, 4, 5].map((n) => listed(n));
    const all = [1, 2, 3, 4, 5].map((n) => known(n));
    const remove = (world: World) => run("no_strangers || true", { peers: { 1: all }, list: five, ...world }).said;

    it("the first of them", () =>
      assert.deepEqual(remove({ healthy: [1, 2, 3, 4, 5] }), [
        "etcd1: removed etcd4 from etcd",
        "etcdctl member remove a4",
      ]));

    it("the dead ones, too", () =>
      assert.deepEqual(remove({ healthy: [1, 2, 3] }).slice(-1), ["etcdctl member remove a4"]));

    it("after it has handed over, if it leads", () =>
      assert.deepEqual(remove({ healthy: [1, 2, 3, 4, 5], leader: 4 }).slice(-2), [
        "etcdctl move-leader a1",
        "etcdctl member remove a4",
      ]));

    it("not one without which there would be no quorum", () => assert.deepEqual(remove({ healthy: [1, 4, 5] }), []));

    it("and is done when there are none; not when nobody tells", () => {
      const done = (world: World) => run("if no_strangers; then echo done; else echo again; fi", world).said.join();
      assert.equal(done({ list: [listed(1), listed(2), listed(3)] }), "done");
      assert.equal(done({}), "again");
    });
  });

  it("puts its data aside only if the quorum says that it is no member", () => {
    const forgotten = (list?: string[]) =>
      run("if forgotten; then echo forgotten; else echo not; fi", { list }).said.join();
    assert.equal(forgotten([listed(2), listed(3)]), "forgotten");
    assert.equal(forgotten([listed(1), listed(2)]), "not");
    assert.equal(forgotten(), "not");
  });
});
