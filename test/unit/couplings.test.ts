/** What must agree between programs in several languages, and is said in each of them. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nodeFiles } from "../../cloud-init/node-files";
import { services } from "../../cloud-init/services";
import { ports } from "../../settings/ports";
import { tls } from "../../settings/tls";
import { plan, planOnAws } from "./support/settings";

const root = join(__dirname, "../..");
const text = (path: string) => readFileSync(join(root, path), "utf8");

/** The one number that a pattern's group finds in a file. */
function number(path: string, pattern: RegExp): number {
  const found = [...text(path).matchAll(new RegExp(pattern, "gm"))];
  assert.equal(found.length, 1, `${path} has ${found.length} of ${pattern}`);
  return Number(found[0]![1]);
}

const gate = "cloud-init/services/gate/gate.py";
const guard = "cloud-init/services/guard/guard.py";
const witness = "cloud-init/services/witness/witness.py";
const beforeStop = "cloud-init/services/patroni/before-stop.sh";
const roleChange = "cloud-init/services/patroni/role-change.sh";
const hooks = "cloud-init/services/patroni/hooks.ts";
const converge = "cloud-init/converge.ts";
const etcd = "cloud-init/converge/etcd.sh";
const postgresql = "cloud-init/converge/postgresql.sh";
const haproxy = "cloud-init/converge/haproxy.sh";
const common = "cloud-init/converge/common.sh";
const bounds = "ops/drill/bounds.ts";

describe("who asks waits longer than who answers works:", () => {
  const longer = (title: string, asks: number, works: number) =>
    it(title, () => assert.ok(asks > works, `${asks} s is not more than ${works} s`));
  longer(
    "pre-promote.sh and the guard",
    number("cloud-init/services/guard/pre-promote.sh", /--max-time ([\d.]+) --unix-socket/),
    number(guard, /^LIMIT = ([\d.]+)/),
  );
  longer(
    "before-stop.sh and the gate's pause",
    number(beforeStop, /--connect-timeout 0\.5 --max-time ([\d.]+)/),
    number(gate, /^PAUSE_WAIT = ([\d.]+)/),
  );
  longer(
    "role-change.sh and the gate's look for the leader",
    number(roleChange, /--connect-timeout 0\.5 --max-time ([\d.]+)/),
    number(gate, /^LEADER_WAIT = ([\d.]+)/),
  );
  longer(
    "the gate's clients and all that it does for one request",
    number(gate, /^ANSWER_WAIT = ([\d.]+)/),
    number(gate, /^LEADER_WAIT = ([\d.]+)/) + number(gate, /^LOCAL_WAIT = ([\d.]+)/),
  );
  // A checkpoint that psql gives 2 s more, and 3 s for PostgreSQL to end: 5 s beside it, and one to spare.
  longer(
    "the watchdog and before-stop.sh",
    number(hooks, /loopWait - (\d+)\)/),
    number(beforeStop, /CHECKPOINT \+ (\d+)\)/) + number(beforeStop, /^ +if timeout (\d+) tail/),
  );
  for (const driver of ["incus", "aws"]) {
    const step = number(converge, new RegExp(`^const timeLimit = .*${driver}: (\\d+)`));
    // `timeout -k 10`
    longer(`Pulumi and the converge step on ${driver}`, 60 * number("components/converge.ts", /"(\d+)m"/), step + 10);
    longer(
      `the converge step and the first boot on ${driver}`,
      step,
      number(converge, new RegExp(`^const bootLimit = .*${driver}: (\\d+)`)),
    );
  }
});

describe("a drill's bounds count with what the programs take:", () => {
  it("the guard", () => {
    const bound = number(bounds, /guard: \(\) => (\d+)/);
    assert.ok(bound >= 1000 * number(guard, /^GRACE = ([\d.]+)/) + 300);
  });
  it("the witnesses: a renewal up to a second ago, and their looks", () => {
    const bound = number(bounds, /witness \* 1000 \+ (\d+)/);
    const look = 1000 * number(witness, /^PAUSE = ([\d.]+)/);
    assert.ok(bound >= 1000 + 2 * look, `${bound}`);
  });
});

describe("programs use the cluster's ports:", () => {
  const uses: [string, RegExp, keyof typeof ports][] = [
    [guard, /HTTPSConnection\(address, (\d+)/, "patroni"],
    [witness, /HTTPSConnection\(address, (\d+)/, "patroni"],
    [witness, /create_connection\(\(address, (\d+)\)/, "postgresql"],
    [postgresql, /https:\/\/\$ADDRESS:(\d+)/, "patroni"],
    [etcd, /^own_client="https:\/\/\$ADDRESS:(\d+)/, "etcdClient"],
    [etcd, /^own_peer="https:\/\/\$ADDRESS:(\d+)/, "etcdPeer"],
  ];
  for (const [path, pattern, name] of uses)
    it(`${name} in ${path}, ${pattern.source}`, () => assert.equal(number(path, pattern), ports[name]));

  it("each is listened on by one service, but SSH's", () => {
    const listened = Object.values(services).flatMap((service) => service.ports);
    assert.deepEqual([...listened, "ssh"].sort(), Object.keys(ports).sort());
  });
});

it("programs name no file below /etc/pgha/tls that is not a machine's", () => {
  const known = new Set<string>(Object.values(tls));
  const all = [plan({ clock: "witnessed" }), planOnAws({ clock: "witnessed" })].flatMap((made) =>
    [...made.etcd, ...made.postgresql, ...made.haproxy].flatMap((node) => nodeFiles(made, node)),
  );
  const texts = [...all.map(({ content }) => content), ...[common, etcd, postgresql, haproxy].map(text)];
  const named = texts.flatMap((content) => content.match(/\/etc\/pgha\/tls\/[\w.-]+/g) ?? []);
  assert.ok(named.length > 20);
  assert.deepEqual(
    named.filter((path) => !known.has(path)),
    [],
  );
});

it("HAProxy's backends have the names that its programs, the converge step and pgha know", () => {
  const made = plan({ clock: "witnessed" });
  const { content } = nodeFiles(made, made.haproxy[0]!).find(({ path }) => path.endsWith("haproxy.cfg"))!;
  const backends = new Set([...content.matchAll(/^backend (\S+)/gm)].map(([, name]) => name!));
  const known: [string, RegExp][] = [
    ["cloud-init/services/haproxy/hold.lua", /core\.backends\.(\w+)\.servers/g],
    ["cloud-init/services/haproxy/hold.lua", /srv_is_up\("(\w+)\//g],
    ["cloud-init/services/haproxy/old-workers.lua", /backend ~= "(\w+)"/g],
    [gate, /set server (\w+)\//g],
    [haproxy, /\$1 == "(\w+)" && \$2 != "BACKEND"/g],
    ["ops/status/read.ts", /\bup\("(\w+)"\)/g],
  ];
  for (const [path, pattern] of known) {
    const names = [...text(path).matchAll(pattern)].map(([, name]) => name!);
    assert.ok(names.length > 0, `${path} names none`);
    for (const name of names) assert.ok(backends.has(name), `${path} knows ${name}`);
  }
});

it("pgha restart and the converge step take the same turn", () => {
  assert.match(text(common), /"\/pgha\/\$CLUSTER\/turn"/);
  assert.match(text("ops/restart.ts"), /\/pgha\/\$\{cluster\.facts\.name\}\/turn/);
});

it("pgha switchover and the converge step hold the same lock", () => {
  const [, lock] = /^switchover_lock=(\S+)/m.exec(text(postgresql))!;
  assert.ok(text("ops/switchover/perform.ts").includes(lock!), lock);
});

it("the major version is the same in the renderer and the converge step", () => {
  const version = number("cloud-init/services/patroni/files.ts", /dataMount\}\/(\d+)\/main/);
  assert.equal(number("cloud-init/services/patroni/files.ts", /\/usr\/lib\/postgresql\/(\d+)\/bin/), version);
  assert.equal(number(postgresql, /\/var\/lib\/postgresql\/(\d+) /), version);
});

it("comments name files that there are", () => {
  const name =
    /(?<![\w/])(?:cloud-init|components|ops|policy|scripts|settings|simulator|test)\/[\w/.-]*\.(?:ts|cjs|sh|py|lua)\b/g;
  const folders = ["cloud-init", "components", "ops", "policy", "scripts", "settings", "simulator"];
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(ts|sh|py|lua)$/.test(path))
      .map((path) => join(folder, path)),
  );
  assert.ok(files.length > 200, `${files.length}`);
  const wrong = files.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(name)]
      .map(([path]) => path)
      .filter((path) => !existsSync(join(root, path)))
      .map((path) => `${file}: ${path}`),
  );
  assert.deepEqual(wrong, []);
});
