import assert from "node:assert/strict";
import { nodeFiles } from "../../../../../cloud-init/node-files";
import { python } from "../../../support/python";
import { plan } from "../../../support/settings";

/** `judges.Member`, without what is as it is for a healthy node. */
interface Member {
  name: string;
  known?: boolean;
  role?: string;
  state?: string;
  timeline?: number | null;
  nofailover?: boolean;
  answers?: boolean;
  reach?: number | null;
  replay_paused?: boolean;
  failsafe?: boolean;
  due?: boolean;
  lowered?: Record<string, number>;
}
/** `judges.View`. */
interface View {
  members: Member[];
  synchronous?: boolean;
  ttl?: number;
  etcd?: boolean;
  paused?: boolean;
  switchover?: string;
}
interface Answer {
  go: boolean;
  reasons: { text: string; passes: boolean }[];
  request: { leader: string; candidate?: string } | null;
}
interface Order extends Answer {
  order: string[];
  leader: string | null;
  leader_first: boolean;
  lowered: Record<string, Record<string, number>>;
}

const MiB = 1024 ** 2;
const leader = (change: Partial<Member> = {}): Member => ({
  name: "postgresql1",
  role: "leader",
  state: "running",
  timeline: 3,
  reach: 100 * MiB,
  ...change,
});
const standby = (n: number, change: Partial<Member> = {}): Member => ({
  name: `postgresql${n}`,
  role: "quorum_standby",
  state: "streaming",
  timeline: 3,
  reach: 100 * MiB,
  ...change,
});
/** Three nodes, and changes to the first standby, the second one, and the rest. */
const three = (second: Partial<Member> = {}, third: Partial<Member> = {}, more: Partial<View> = {}): View => ({
  members: [leader(), standby(2, second), standby(3, third)],
  ...more,
});
const led = (change: Partial<Member>): View => ({ members: [leader(change), standby(2), standby(3)] });
const away: Partial<Member> = { role: "", state: "", answers: false };
const asynchronous: Partial<Member> = { role: "replica" };

/** What a judge says of each case: a view and further arguments. All at once, for Python takes its time to start. */
function judged<T extends Answer>(judge: string, cases: [View, ...string[]][]): T[] {
  return python<T[]>(
    `from dataclasses import asdict
import judges
view = lambda raw: judges.View(**{**raw, "members": tuple(judges.Member(**each) for each in raw["members"])})
result = [asdict(judges.${judge}(view(raw), *arguments)) for raw, *arguments in given]`,
    cases,
  );
}
const texts = ({ reasons }: Answer) => reasons.map(({ text }) => text).join("\n");

/** Refusals: name, view, the judge's further arguments, and what is said. */
type Refusals = [string, View, string[], RegExp][];
function refuses(judge: string, cases: Refusals): void {
  it("is refused, and says why", () => {
    const answers = judged(
      judge,
      cases.map(([, view, more]) => [view, ...more]),
    );
    cases.forEach(([name, , , said], index) => {
      assert.equal(answers[index]!.go, false, name);
      assert.equal(answers[index]!.request, null, name);
      assert.match(texts(answers[index]!), said, name);
    });
  });
}

/** What speaks against anything that stops PostgreSQL. */
const always = (...more: string[]): Refusals => [
  ["nobody leads", { members: [standby(1), standby(2), standby(3)] }, more, /^nobody leads$/m],
  ["etcd does not answer", three({}, {}, { etcd: false }), more, /^etcd does not answer: it has no quorum/m],
  ["Patroni is paused", three({}, {}, { paused: true }), more, /^Patroni is paused \(maintenance mode\)/m],
  ["a switchover", three({}, {}, { switchover: "under way" }), more, /^a switchover is under way$/m],
  ["a later one", three({}, {}, { switchover: "scheduled for 2026-12-01" }), more, /is scheduled for 2026-12-01$/m],
];

describe("whether the leader may hand over", () => {
  const candidates = (cases: [View, ...string[]][]) =>
    judged("switchover", cases).map(({ go, request }) => (go ? (request!.candidate ?? null) : "refused"));

  it("names no standby when all synchronous ones may take over: the others would sleep for 2 s", () => {
    const [answer] = judged("switchover", [[three()]]);
    assert.deepEqual(answer, { go: true, reasons: [], request: { leader: "postgresql1" } });
    assert.deepEqual(candidates([[three({ reach: 100 * MiB - 900 }, { reach: 101 * MiB })]]), [null]);
    // Nor when there are others, which Patroni does not let take part.
    assert.deepEqual(candidates([[{ members: [...three().members, standby(4, away)] }]]), [null]);
    assert.deepEqual(candidates([[{ members: [...three().members, standby(4, asynchronous)] }]]), [null]);
  });

  it("names the one that is wanted, and the only one there is", () => {
    assert.deepEqual(candidates([[three(), "", "postgresql3"]]), ["postgresql3"]);
    assert.deepEqual(candidates([[{ members: [leader(), standby(2)] }]]), ["postgresql2"]);
  });

  it("names the one that is fit when Patroni might choose another or give up, the least behind of several", () => {
    const four = three({ reach: 100 * MiB - 900 }, { reach: 100 * MiB - 10 });
    four.members.push(standby(4, { nofailover: true }));
    const unfit: Partial<Member>[] = [{ replay_paused: true }, { answers: false }, { state: "starting" }, asynchronous];
    assert.deepEqual(candidates(unfit.map((change) => [three(change)])), Array(4).fill("postgresql3"));
    assert.deepEqual(candidates([[four]]), ["postgresql3"]);
  });

  it("says whom it would be better to wait for, but not for a machine that is not there", () => {
    const [restarted, gone] = judged("switchover", [[three(asynchronous)], [three(away)]]);
    assert.match(texts(restarted!), /^postgresql2 is not synchronous and may lack acknowledged commits$/);
    assert.deepEqual([restarted!.go, gone!.go, texts(gone!)], [true, true, ""]);
  });

  it("takes asynchronous ones where the stack wants none synchronous, and names one unless all are fit", () => {
    const off = { synchronous: false };
    const replicas = three(asynchronous, asynchronous, off);
    const four = { ...replicas, members: [...replicas.members, standby(4, { ...asynchronous, state: "stopped" })] };
    assert.deepEqual(candidates([[replicas], [four], [three(asynchronous, away, off)]]), [
      null,
      "postgresql2",
      "postgresql2",
    ]);
  });

  it("waits for what passes, and for nothing else", () => {
    const passing = [
      three({}, { failsafe: true }),
      three({ reach: 0 }, { reach: 0 }),
      { members: [leader({ failsafe: true }), standby(2)] },
    ];
    const staying = [three({ reach: 0 }, { state: "stopped" }), three({}, { failsafe: true }, { paused: true })];
    const passes = judged(
      "switchover",
      [...passing, ...staying].map((view) => [view]),
    ).map(({ go, reasons }) => !go && reasons.every((reason) => reason.passes));
    assert.deepEqual(passes, [true, true, true, false, false]);
  });

  const to = (change: Partial<Member>, said: RegExp, name = "the target"): Refusals[number] => [
    `${name}: ${JSON.stringify(change)}`,
    three(change),
    ["", "postgresql2"],
    said,
  ];
  refuses("switchover", [
    ...always(),
    [
      "no such node",
      three(),
      ["", "postgresql9"],
      /no database node 'postgresql9'; there are postgresql1, postgresql2, /,
    ],
    ["it leads", three(), ["", "postgresql1"], /^postgresql1 leads already$/],
    ["another leads", three(), ["postgresql2"], /^postgresql1 leads, not postgresql2$/],
    to({ answers: false }, /^the Patroni of postgresql2 does not answer$/),
    to(away, /^postgresql2 is not a member of the cluster$/),
    to({ state: "starting" }, /^postgresql2 is starting, not streaming$/),
    to(asynchronous, /^postgresql2 is not synchronous/),
    to({ nofailover: true }, /^postgresql2 has the tag nofailover$/),
    to({ reach: 95 * MiB }, /^postgresql2 is 5\.0 MiB behind$/),
    to({ reach: null }, /not known how far postgresql2 is behind$/),
    to({ timeline: 2 }, /^postgresql2 is on another timeline \(2\)$/),
    to({ replay_paused: true }, /^postgresql2 has its replay paused$/),
    ["a stranger", three({ known: false }), ["", "postgresql2"], /no database node 'postgresql2'/],
    ["the leader is silent", led({ answers: false }), [], /^the Patroni of postgresql1 does not answer$/m],
    ["the leader stops", led({ state: "stopping" }), [], /^postgresql1 leads but is stopping$/],
    ["failsafe mode", three({}, { failsafe: true }), [], /postgresql3 may hold on to it for up to 20 s more$/],
    [
      "no standby is fit",
      three({ state: "stopped" }, asynchronous),
      [],
      /^no standby can take over\npostgresql2 is stopped, not streaming\npostgresql3 is not synchronous/,
    ],
    [
      "more than one reason",
      three({ state: "stopped" }, {}, { etcd: false, switchover: "under way" }),
      ["", "postgresql2"],
      /^etcd does not answer.*\na switchover is under way\npostgresql2 is stopped/,
    ],
  ]);
});

describe("a leader that the settings know no more", () => {
  const strange = leader({ name: "postgresql4", known: false });

  it("is asked to hand over, to whom it would be otherwise; another is not", () => {
    const [none, nobody, any, one, not] = judged("stranger", [
      [three()],
      [{ members: [standby(1), standby(2)] }],
      [{ members: [strange, standby(1), standby(2)] }],
      // Another stranger might win.
      [{ members: [strange, standby(1), standby(2), standby(5, { known: false })] }],
      [{ members: [strange, standby(1, asynchronous)] }],
    ]);
    assert.deepEqual([none!.go, none!.request, nobody!.go, nobody!.request], [true, null, true, null]);
    assert.deepEqual(any!.request, { leader: "postgresql4" });
    assert.deepEqual(one!.request, { leader: "postgresql4", candidate: "postgresql1" });
    assert.equal(not!.go, false);
  });
});

describe("whether a node may restart", () => {
  const answers = (cases: [View, ...string[]][]) => judged("restart", cases).map((one) => [one.go, texts(one)]);

  it("goes while all others are well, whatever it is itself", () => {
    assert.deepEqual(
      answers([
        [three(), "postgresql2"],
        [three({ state: "start failed" }), "postgresql2"],
      ]),
      [
        [true, ""],
        [true, ""],
      ],
    );
  });

  it("goes while another confirms, but better waits for all", () => {
    const four = (change: Partial<Member>): View => ({ members: [...three().members, standby(4, change)] });
    assert.deepEqual(
      answers([
        [four({ role: "replica", state: "creating replica" }), "postgresql2"],
        [four(away), "postgresql2"],
      ]),
      [
        [true, "postgresql4 is creating replica, not streaming"],
        [true, "postgresql4 is not a member of the cluster"],
      ],
    );
  });

  it("goes on the only standby there is", () => {
    assert.deepEqual(answers([[{ members: [leader(), standby(2)] }, "postgresql2"]]), [[true, ""]]);
  });

  it("goes on the leader, in place, when a parameter is lowered, and only then", () => {
    const lowered = { max_connections: 100 };
    assert.deepEqual(answers([[led({ lowered }), "postgresql1"]]), [[true, ""]]);
  });

  it("does not count strangers, nor wait for them", () => {
    const members = [leader(), standby(2), standby(3, away), standby(4, { known: false })];
    const [one] = answers([[{ members }, "postgresql2"]]);
    assert.deepEqual(one, [
      false,
      "no other standby confirms commits while postgresql2 restarts\npostgresql3 is not a member of the cluster",
    ]);
    const strange = { members: [...three().members, standby(4, { known: false, state: "stopped" })] };
    assert.deepEqual(answers([[strange, "postgresql2"]]), [[true, ""]]);
  });

  refuses("restart", [
    ...always("postgresql2"),
    ["no such node", three(), ["postgresql9"], /^there is no database node 'postgresql9'/],
    ["it leads", three(), ["postgresql1"], /^postgresql1 leads, and hands over before it restarts$/],
    ["nobody else confirms", three({}, asynchronous), ["postgresql2"], /^no other standby confirms commits while/],
    [
      "nobody else streams",
      three({}, away, { synchronous: false }),
      ["postgresql2"],
      /^no other standby streams while/,
    ],
  ]);
});

describe("whether a standby may be copied again", () => {
  const stopped: Partial<Member> = { role: "replica", state: "stopped" };

  it("depends on no more than this: it does not lead, and commits are confirmed", () => {
    const answers = judged("reinit", [
      [three(), "postgresql2"],
      [three(stopped), "postgresql2"],
      [three({}, stopped, { synchronous: false }), "postgresql2"],
      // Nobody confirms commits as it is.
      [three(stopped, stopped), "postgresql2"],
    ]);
    assert.deepEqual(answers.map(texts), ["", "", "", ""]);
    assert.ok(answers.every(({ go }) => go));
  });

  refuses("reinit", [
    ...always("postgresql2"),
    [
      "what is not there",
      three(),
      ["postgresql9"],
      /^there is no database node 'postgresql9'; there are postgresql1, /,
    ],
    ["the leader", three(), ["postgresql1"], /^postgresql1 leads; `pgha switchover` first$/],
    ["one out of reach", three({ answers: false }), ["postgresql2"], /^the Patroni of postgresql2 does not answer$/],
    [
      "the only one that confirms",
      three({}, stopped),
      ["postgresql2"],
      /^postgresql2 is the only standby that confirms/,
    ],
  ]);
});

describe("the order of restarts", () => {
  const due = { due: true };
  const order = (view: View) => judged<Order>("order", [[view]])[0]!;

  it("has the standbys first and the leader last, and nobody who need not", () => {
    const { go, reasons, ...found } = order({ members: [leader(due), standby(2), standby(3, due)] });
    assert.deepEqual([go, reasons], [true, []]);
    assert.deepEqual(found, {
      request: null,
      order: ["postgresql3", "postgresql1"],
      leader: "postgresql1",
      leader_first: false,
      lowered: {},
    });
    assert.deepEqual(order(three()).order, []);
  });

  it("has the leader first, and in place, when a parameter is lowered there", () => {
    const lowered = { max_connections: 100 };
    const found = order({ members: [leader({ ...due, lowered }), standby(2, { ...due, lowered }), standby(3, due)] });
    assert.deepEqual([found.order, found.leader_first], [["postgresql1", "postgresql2", "postgresql3"], true]);
    assert.deepEqual(found.lowered, { postgresql1: lowered, postgresql2: lowered });
    // It has done so: what the standbys still wait for changes nothing about it.
    const later = order({ members: [leader(due), standby(2, { ...due, lowered })] });
    assert.deepEqual([later.order, later.leader_first], [["postgresql2", "postgresql1"], false]);
  });

  refuses("order", [
    ...always(),
    ["a node is away", three({}, away), [], /^postgresql3 is not a member of the cluster$/],
    ["a standby is not synchronous", three(asynchronous), [], /^postgresql2 is not synchronous/],
  ]);

  it("says of a cluster that nobody sees no more than that", () => {
    const { go, reasons } = order({ members: [1, 2].map((n) => ({ name: `postgresql${n}` })), etcd: false });
    assert.deepEqual([go, reasons.length], [false, 2]);
  });
});

describe("what is read of a member", () => {
  /** @param listed in GET /cluster @param own GET /patroni */
  const read = (cases: [object, object][]) =>
    python<Required<Member>[]>(
      `from dataclasses import asdict
import decide
names = {"max_connections": "max_connections", "max_prepared_transactions": "max_prepared_xacts"}
result = [asdict(decide.member("postgresql2", True, listed, own, names)) for listed, own in given]`,
      cases,
    );

  it("is what it says itself where that is worse than what it has left in etcd", () => {
    const streaming = { role: "quorum_standby", state: "streaming" };
    const states = read([
      [streaming, { state: "running", replication_state: "streaming" }],
      [streaming, { state: "stopping" }],
      [streaming, {}],
      [
        { role: "replica", state: "running" },
        { state: "running", replication_state: "streaming" },
      ],
      [{ role: "leader", state: "running" }, { state: "stopping" }],
      [{ role: "replica", state: "creating replica" }, { state: "running" }],
    ]).map(({ state, answers }) => [state, answers]);
    assert.deepEqual(states, [
      ["streaming", true],
      ["stopping", true],
      ["streaming", false],
      ["running", true],
      ["stopping", true],
      ["creating replica", true],
    ]);
  });

  it("is how far its WAL reaches, and what keeps it from leading", () => {
    const found = read([
      [{}, { state: "running", xlog: { location: 7 } }],
      [{ tags: { nofailover: true } }, { xlog: { received_location: 5, replayed_location: 6, paused: true } }],
      [{ tags: { failover_priority: 0 } }, { xlog: { received_location: null }, failsafe_mode_is_active: true }],
      [{ tags: { failover_priority: 0, nofailover: false } }, {}],
    ]);
    const short = found.map((one) => [one.reach, one.nofailover, one.replay_paused, one.failsafe]);
    assert.deepEqual(short, [
      [7, false, false, false],
      [6, true, true, false],
      [null, true, false, true],
      [null, false, false, false],
    ]);
  });

  it("is which parameters go down that standbys may not have lower, as pg_controldata calls them", () => {
    const reason = {
      max_connections: { old_value: "200", new_value: "100" },
      max_prepared_transactions: { old_value: 5, new_value: 4 },
      max_wal_senders: { old_value: "9", new_value: "8" },
      shared_buffers: { old_value: "256MB", new_value: "128MB" },
    };
    const raised = { max_connections: { old_value: "100", new_value: "200" } };
    const found = read([
      [{}, { pending_restart: true, pending_restart_reason: reason }],
      [{ pending_restart: true }, { pending_restart_reason: raised }],
    ]);
    assert.deepEqual(
      found.map(({ due, lowered }) => [due, lowered]),
      [
        [true, { max_connections: 100, max_prepared_xacts: 4 }],
        [true, {}],
      ],
    );
  });

  it("is Patroni's key for a switchover", () => {
    const keys = [{}, { leader: "a" }, { member: "b" }, { leader: "a", scheduled_at: "2026-12-01" }];
    assert.deepEqual(python("import decide\nresult = [decide.switchover_state(key) for key in given]", keys), [
      "",
      "under way",
      "under way",
      "scheduled for 2026-12-01",
    ]);
  });
});

it("the program of a node knows its fellows, etcd and the rules of the stack", () => {
  const config = (raw: Record<string, unknown>) => {
    const made = plan(raw);
    const file = nodeFiles(made, made.postgresql[1]!).find(({ path }) => path === "/etc/pgha/decide.json");
    return JSON.parse(file!.content) as Record<string, unknown>;
  };
  const { notBelowLeader, ...rest } = config({});
  assert.deepEqual(rest, {
    scope: "pgha-dev",
    name: "postgresql2",
    etcd: ["10.88.0.11:2379", "10.88.0.12:2379", "10.88.0.13:2379"],
    members: { postgresql1: "10.88.0.21", postgresql2: "10.88.0.22", postgresql3: "10.88.0.23" },
    synchronous: true,
    ttl: 20,
  });
  assert.equal(Object.keys(notBelowLeader as object).length, 5);
  assert.equal(config({ postgresql: { synchronous: "off" } }).synchronous, false);
});
