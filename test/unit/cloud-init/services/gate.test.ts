import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect as connectPlain, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { reactionsInBash } from "../../../../cloud-init/reactions";
import { gateFiles } from "../../../../cloud-init/services/gate/files";
import { bash, temporaryFolder } from "../../support/bash";
import { CertificateAuthority, read, type Pair } from "../../support/certificates";
import { FakeHaproxy, FakePgBouncer } from "../../support/proxy-fakes";
import { plan } from "../../support/settings";

const program = join(__dirname, "../../../../cloud-init/services/gate/gate.py");

/** Longest pause of the gate under test, seconds. */
const limit = 0.7;

const fileOf = (path: string, raw = {}) =>
  gateFiles(plan(raw), plan(raw).haproxy[0]!).find((file) => file.path === path)!.content;

describe("the gate's files", () => {
  it("let in the database nodes and nobody else", () => {
    const config = JSON.parse(fileOf("/etc/pgha/gate.json"));
    assert.deepEqual(config.nodes, {
      postgresql1: "10.88.0.21",
      postgresql2: "10.88.0.22",
      postgresql3: "10.88.0.23",
    });
    assert.deepEqual(config.listen, ["10.88.0.31", 8009]);
  });

  it("are none without a pause", () => assert.deepEqual(gateFiles(plan({ clock: "classic" }), plan().haproxy[0]!), []));

  it("do not wait for a pool in session mode, whose servers are busy for as long as clients stay", () => {
    assert.equal(JSON.parse(fileOf("/etc/pgha/gate.json", { pool: { mode: "session" } })).wait, false);
    assert.equal(JSON.parse(fileOf("/etc/pgha/gate.json")).wait, true);
  });

  it("resume whatever way the gate ends, and end it when it is frozen", () => {
    const unit = fileOf("/etc/systemd/system/pgha-gate.service");
    assert.match(unit, /^ExecStopPost=\/usr\/local\/lib\/pgha\/gate.py \/etc\/pgha\/gate.json resume$/m);
    assert.match(unit, /^WatchdogSec=1s\nWatchdogSignal=SIGKILL\nRestart=always$/m);
  });
});

describe("the gate's part of the converge step", () => {
  const unit = "/etc/systemd/system/pgha-gate.service";

  /** What it does to systemd. @param changed files that differ from what is installed */
  const does = (active: boolean, changed: string[], staged = [unit]) => {
    const { code, stdout, stderr } = bash(`
      ${reactionsInBash("haproxy")}
      mktemp() { command mktemp -d; }
      source ${join(__dirname, "../../../../cloud-init/converge/common.sh")}
      source ${join(__dirname, "../../../../cloud-init/converge/haproxy.sh")}
      declare -A owner=(${staged.map((path) => `[${path}]=root:root`).join(" ")})
      has_changed() { for path in ${changed.join(" ")}; do for pattern; do [[ $path == $pattern ]] && return; done; done; return 1; }
      systemctl() { if [[ $1 == is-active ]]; then ${active}; else echo "$1"; fi; }
      outdated() { has_changed "/etc/systemd/system/$1.service"; }
      in_turn() { echo -n "in turn: "; "$1"; }
      start_service() { echo "start"; }
      set -e
      converge_gate`);
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout.split("\n").filter(Boolean);
  };

  it("starts it", () => assert.deepEqual(does(false, [unit, "/etc/pgha/gate.json"]), ["start"]));
  it("leaves it alone when nothing has changed", () =>
    assert.deepEqual(does(true, ["/etc/haproxy/haproxy.cfg"]), ["start"]));
  it("has a renewed certificate taken up", () =>
    assert.deepEqual(does(true, ["/etc/pgha/tls/node.crt"]), ["reload", "start"]));
  it("restarts it in turn, because that ends a pause, when anything of its own has changed", () => {
    const files = [
      unit,
      "/etc/pgha/gate.json",
      "/usr/local/lib/pgha/gate.py",
      "/usr/local/lib/pgha/pgbouncer_console.py",
    ];
    for (const file of files) assert.deepEqual(does(true, [file]), ["in turn: restart", "start"], file);
  });
  it("does nothing where there is to be none and is none", () => assert.deepEqual(does(false, [], []), []));
});

describe("the gate", () => {
  const folder = temporaryFolder();
  let ca: CertificateAuthority;
  let own: Pair;
  let node: Pair;
  /** Of two, the first; what holds for it holds for the other. */
  let pgbouncer: FakePgBouncer;
  let other: FakePgBouncer;
  let haproxy: FakeHaproxy;
  let port: number;
  let gate: ChildProcess;
  let log: string;

  before(() => {
    ca = new CertificateAuthority(join(folder(), "ca"));
    own = ca.pair("haproxy1");
    node = ca.pair("postgresql2");
  });

  beforeEach(async () => {
    pgbouncer = new FakePgBouncer(join(folder(), "pgbouncer"));
    other = new FakePgBouncer(join(folder(), "pgbouncer-2"));
    haproxy = new FakeHaproxy(join(folder(), "admin"));
    await Promise.all([pgbouncer.listen(), other.listen(), haproxy.listen()]);
    port = await freePort();
    configure({});
    await start();
  });

  afterEach(async () => {
    await stop("SIGKILL");
    await Promise.all([pgbouncer.close(), other.close(), haproxy.close()]);
  });

  const config = () => join(folder(), "gate.json");
  /** The rendered configuration, with what differs here. */
  const configure = (changes: object) =>
    writeFileSync(
      config(),
      JSON.stringify({
        ...JSON.parse(fileOf("/etc/pgha/gate.json")),
        listen: ["127.0.0.1", port],
        tls: own,
        limit,
        nodes: { postgresql1: "127.0.0.1", postgresql2: "127.0.0.1" },
        pgbouncer: [pgbouncer.path, other.path],
        haproxy: haproxy.path,
        role: ["127.0.0.1", haproxy.port],
        ...changes,
      }),
    );

  async function start(): Promise<void> {
    log = "";
    gate = spawn("python3", ["-B", program, config()], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [gate.stdout!, gate.stderr!]) stream.on("data", (data) => (log += data));
    await until(() => log.includes("listens on"), "the gate to start");
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (gate.exitCode !== null || gate.signalCode !== null) return;
    gate.kill(signal);
    await new Promise((resolve) => gate.once("exit", resolve));
  }

  /** Waits for something to be so, as long as it takes a slow machine. */
  async function until(isSo: () => boolean, what: string): Promise<void> {
    for (const end = Date.now() + 10_000; !isSo(); await sleep(5)) {
      assert.ok(Date.now() < end, `waited for ${what}; the gate said:\n${log}`);
    }
  }

  interface Answer {
    status: number;
    body: { paused?: boolean | string; since?: number; deadline?: number; leader?: string; error?: string };
  }
  function ask(method: string, path: string, pair = node): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, method, path, ...read(pair), agent: false as const };
      const sent = request(options, (response) => {
        let text = "";
        response.on("data", (data) => (text += data));
        response.on("end", () => resolve({ status: response.statusCode!, body: JSON.parse(text) }));
      });
      sent.on("error", reject).end();
    });
  }
  const pause = (seconds: number) => ask("POST", `/pause?for=${seconds}`);
  const timed = async (work: Promise<unknown>) => {
    const began = performance.now();
    await work;
    return (performance.now() - began) / 1000;
  };
  const resumed = (times = 1) =>
    until(() => !pgbouncer.paused && (log.match(/^resumed after .*\n/gm)?.length ?? 0) >= times, "the pool to go on");

  describe("is closed to", () => {
    const nothing = async (answer: Promise<Answer>) => {
      await assert.rejects(answer, /alert|ECONNRESET|EPIPE|hang up|disconnected/);
      assert.deepEqual(pgbouncer.done, []);
    };

    it("a client without a certificate", () =>
      nothing(
        new Promise((_, reject) => {
          const options = {
            host: "127.0.0.1",
            port,
            method: "POST",
            path: "/pause?for=1",
            ca: read(node).ca,
            agent: false as const,
          };
          request(options, () => reject(new Error("let in")))
            .on("error", reject)
            .end();
        }),
      ));

    it("a node's name under another CA", async () => {
      const foreign = new CertificateAuthority(join(folder(), "foreign")).pair("postgresql2");
      await nothing(ask("POST", "/pause?for=1", { ...foreign, ca: node.ca }));
    });

    it("TLS below 1.2", async () => {
      const socket = connect({
        host: "127.0.0.1",
        port,
        ...read(node),
        maxVersion: "TLSv1.1",
        minVersion: "TLSv1",
        ciphers: "ALL:@SECLEVEL=0",
      });
      await assert.rejects(new Promise((resolve, reject) => socket.on("secureConnect", resolve).on("error", reject)));
    });

    it("a machine that is no database node, by its certificate", async () => {
      for (const name of ["etcd1", "haproxy1", "postgresql9"]) {
        const { status, body } = await ask("POST", "/pause?for=1", ca.pair(name));
        assert.equal(status, 403);
        assert.equal(body.error, `${name} is no database node`);
      }
      own = ca.pair("haproxy1");
      assert.deepEqual(pgbouncer.done, []);
    });

    it("addresses of others, before any handshake", async () => {
      await stop("SIGTERM");
      configure({ nodes: { postgresql2: "10.88.0.22" } });
      await start();
      await nothing(pause(1));
    });

    it("a node's certificate at another's address", async () => {
      await stop("SIGTERM");
      configure({ nodes: { postgresql1: "127.0.0.1", postgresql2: "10.88.0.22" } });
      await start();
      const { status, body } = await pause(1);
      assert.deepEqual([status, body.error], [403, "127.0.0.1 is not the address of postgresql2"]);
      assert.deepEqual(pgbouncer.done, []);
    });

    it("what it does not know", async () => {
      const statuses = (
        await Promise.all(
          ["/pause", "/pause?for=0", "/pause?for=-1", "/pause?for=nan", "/pause?for=soon", "/resume", "/"].map((path) =>
            ask("POST", path),
          ),
        )
      ).map(({ status }) => status);
      assert.deepEqual(statuses, [400, 400, 400, 400, 400, 404, 404]);
      assert.deepEqual(pgbouncer.done, []);
    });
  });

  describe("a pause", () => {
    it("is confirmed once PgBouncer has confirmed it, and shown", async () => {
      assert.deepEqual((await ask("GET", "/")).body, { paused: false, since: null, deadline: null });
      assert.deepEqual(await pause(0.5), { status: 200, body: { paused: true } });
      assert.ok(pgbouncer.paused);
      const { body } = await ask("GET", "/");
      assert.equal(body.paused, true);
      assert.ok(Math.abs(body.since! - Date.now() / 1000) < 0.5, `since ${body.since}`);
      assert.ok(Math.abs(body.deadline! - body.since! - 0.5) < 0.01, `until ${body.deadline}`);
    });

    it("waits until no login is under way, because a login that breaks off turns clients away", async () => {
      pgbouncer.logins = 3;
      await pause(0.5);
      assert.equal(pgbouncer.logins, 0);
    });

    it("waits no longer than a tenth of a second for logins", async () => {
      pgbouncer.logins = 1_000_000;
      assert.equal((await pause(0.5)).body.paused, true);
    });

    it("is pending while transactions go on, and ends in time all the same", async () => {
      await stop("SIGTERM");
      configure({ limit: 1.5 });
      await start();
      pgbouncer.active = 1;
      const took = await timed(
        pause(1.5).then((answer) => assert.deepEqual(answer, { status: 202, body: { paused: "pending" } })),
      );
      assert.ok(took > 0.9 && took < 1.5, `answered after ${took} s`);
      await resumed();
      pgbouncer.endTransactions();
    });

    it("keeps new connections out of the node at HAProxy, once PgBouncer is paused and for as long as that lasts", async () => {
      let first = false;
      haproxy.onLeaving = () => (first = !pgbouncer.paused);
      await pause(0.5);
      const [[name, until]] = haproxy.leaving as [[string, number]];
      assert.equal(name, "postgresql2");
      const { body } = await ask("GET", "/");
      assert.ok(Math.abs(until - 1000 * body.deadline!) < 5, `until ${until}, the deadline is ${body.deadline}`);
      assert.ok(!first, "logins of PgBouncer's own were let in");
      await resumed();
      assert.deepEqual(haproxy.leaving, []);
    });

    it("keeps them out while transactions go on, too", async () => {
      await stop("SIGTERM");
      configure({ limit: 1.5 });
      await start();
      pgbouncer.active = 1;
      assert.equal((await pause(1.5)).status, 202);
      assert.equal(haproxy.leaving.length, 1);
      pgbouncer.endTransactions();
    });

    it("does not wait for a HAProxy that hangs, and leaves one alone that holds nobody", async () => {
      haproxy.doorFrozen = true;
      const took = await timed(pause(limit).then(({ body }) => assert.equal(body.paused, true)));
      assert.ok(took < 0.5, `answered after ${took} s`);
      assert.match(log, /^HAProxy lets connections through to postgresql2: no answer in time$/m);
      await resumed();
      haproxy.doorFrozen = false;
      await stop("SIGTERM");
      configure({ holds: false });
      await start();
      await pause(limit);
      assert.deepEqual(haproxy.leaving, []);
    });

    it("is confirmed when the last transaction ends", async () => {
      pgbouncer.active = 1;
      setTimeout(() => pgbouncer.endTransactions(), 200);
      assert.equal((await pause(limit)).body.paused, true);
    });

    it("ends by itself at its deadline", async () => {
      await pause(0.4);
      const took = await timed(resumed());
      assert.ok(took < 0.8, `after ${took} s`);
      assert.match(log, /^resumed after 0\.[4-6]\d\d s: its time was over$/m);
    });

    it("is never longer than the limit, whatever is asked for", async () => {
      await pause(3600);
      const { body } = await ask("GET", "/");
      assert.ok(Math.abs(body.deadline! - body.since! - limit) < 0.01);
      await resumed();
      assert.match(log, /^resumed after 0\.[7-9]\d\d s/m);
    });

    it("is not made longer than the limit by asking again", async () => {
      const began = performance.now();
      while ((performance.now() - began) / 1000 < limit - 0.1) {
        assert.equal((await pause(limit)).status, 200);
        await sleep(50);
      }
      await resumed();
      const took = (performance.now() - began) / 1000;
      assert.ok(took < limit + 0.5, `after ${took} s`);
      assert.deepEqual(pgbouncer.done, ["PAUSE", "RESUME"]);
    });

    it("ends when whoever asked for it is gone before the answer", async () => {
      pgbouncer.active = 1;
      const socket: TLSSocket = connect({ host: "127.0.0.1", port, ...read(node) }, () => {
        socket.write("POST /pause?for=60 HTTP/1.1\r\n\r\n");
      });
      await until(() => pgbouncer.paused, "the pause");
      socket.destroy();
      await resumed();
    });

    it("is one of every PgBouncer of the proxy", async () => {
      await stop("SIGTERM");
      configure({ limit: 1.5 });
      await start();
      other.active = 1;
      assert.deepEqual((await pause(1.5)).body, { paused: "pending" });
      assert.ok(pgbouncer.paused && other.paused);
      await resumed();
      assert.ok(!other.paused);
      other.endTransactions();
    });

    it("is none when one of them cannot pause", async () => {
      other.refusePause = "already suspended/paused";
      assert.equal((await pause(1)).status, 503);
      await resumed();
      assert.deepEqual([pgbouncer.paused, other.paused], [false, false]);
    });

    it("may follow another", async () => {
      for (let round = 0; round < 2; round++) {
        await pause(0.1);
        await resumed(round + 1);
      }
      assert.deepEqual(pgbouncer.done, ["PAUSE", "RESUME", "PAUSE", "RESUME"]);
    });

    it("is for the node that leads, and for no other", async () => {
      haproxy.led = "postgresql1";
      const { status, body } = await pause(0.5);
      assert.deepEqual([status, body.error], [403, "postgresql2 does not lead"]);
      assert.deepEqual(pgbouncer.done, []);
    });

    it("waits a moment for a HAProxy that was just reloaded, and no longer", async () => {
      haproxy.led = undefined;
      setTimeout(() => (haproxy.led = "postgresql2"), 150);
      assert.equal((await pause(0.5)).status, 200);
      await resumed();
      haproxy.led = undefined;
      const took = await timed(pause(0.1).then(({ status }) => assert.equal(status, 403)));
      assert.ok(took < 2, `answered after ${took} s`);
    });

    it("is refused when HAProxy does not say who leads", async () => {
      haproxy.frozen = true;
      const took = await timed(pause(0.1).then(({ status }) => assert.equal(status, 403)));
      assert.ok(took < 2, `answered after ${took} s`);
      haproxy.frozen = false;
      assert.deepEqual(pgbouncer.done, []);
    });

    it("comes out of a budget: two whole ones at once, then a third of the time", async () => {
      const began = performance.now();
      let paused = 0;
      let refused = 0;
      while (performance.now() - began < 6 * 1000 * limit) {
        const { status, body } = await pause(limit);
        if (status === 429) {
          refused++;
          assert.match(body.error!, /^0\.\d s are left to pause: there were too many pauses just now$/);
          await sleep(50);
          continue;
        }
        const start = performance.now();
        if (status === 200) await until(() => !pgbouncer.paused, "the pool to go on");
        paused += (performance.now() - start) / 1000;
      }
      assert.ok(refused > 0);
      // Two at once, and half of the 4 that the others would have lasted; a busy machine adds to each.
      assert.ok(paused > 2 * limit && paused < 4.6 * limit, `paused for ${paused} s of ${6 * limit}`);
    }).timeout(20_000);

    it("is refused when PgBouncer is not there", async () => {
      await pgbouncer.close();
      const { status, body } = await pause(0.5);
      assert.equal(status, 503);
      assert.match(body.error!, /No such file|refused/);
      assert.equal((await ask("GET", "/")).body.paused, false);
      await pgbouncer.listen();
    });
  });

  describe("lets go of the pool", () => {
    it("when it is stopped", async () => {
      await pause(60);
      await stop("SIGTERM");
      assert.ok(!pgbouncer.paused);
      assert.match(log, /resumed after .* the gate stops/);
    });

    it("when it was killed, by the command that systemd runs then", async () => {
      await pause(60);
      await stop("SIGKILL");
      assert.ok(pgbouncer.paused, "nobody has resumed it yet");
      const child = spawn("python3", ["-B", program, config(), "resume"], { stdio: "ignore" });
      assert.equal(await new Promise((resolve) => child.once("exit", resolve)), 0);
      assert.ok(!pgbouncer.paused);
    });

    it("when it starts, by the name of a database, too", async () => {
      pgbouncer.paused = other.pausedByName = true;
      await stop("SIGKILL");
      await start();
      assert.ok(!pgbouncer.paused && !other.pausedByName);
    });

    it("in the end, when PgBouncer refuses at first", async () => {
      await pause(0.1);
      pgbouncer.refuseResume = 5;
      await resumed();
      assert.equal(pgbouncer.refuseResume, 0);
      assert.equal(log.match(/cannot resume yet, tries again: try later/g)!.length, 1);
    });

    it("in the end, when PgBouncer hangs", async () => {
      await pause(0.1);
      pgbouncer.frozen = true;
      assert.equal((await sleep(300), (await pause(0.5)).status), 503, "no new pause before the old one has ended");
      await sleep(1000);
      pgbouncer.frozen = false;
      await resumed();
      assert.match(log, /cannot resume yet, tries again: no answer in time/);
    });

    it("when there is nothing to let go: PgBouncer is not running", async () => {
      await pgbouncer.close();
      await stop("SIGKILL");
      const child = spawn("python3", ["-B", program, config(), "resume"], { stdio: "ignore" });
      assert.equal(await new Promise((resolve) => child.once("exit", resolve)), 0);
      await pgbouncer.listen();
    });
  });

  describe("a new leader", () => {
    it("gets HAProxy's writes and then the pool, once HAProxy agrees that it leads", async () => {
      await pause(limit);
      setTimeout(() => (haproxy.leader = "postgresql2"), 100);
      assert.deepEqual(await ask("POST", "/leader?name=postgresql2"), { status: 200, body: { leader: "postgresql2" } });
      await resumed();
      assert.ok(haproxy.seen.length > 2, "HAProxy was asked until it agreed");
      assert.deepEqual(
        [...new Set(haproxy.seen)],
        ["postgresql2?", "set server leaders/postgresql1 health down; set server leaders/postgresql2 health up"],
      );
      assert.match(log, /told HAProxy that postgresql2 leads\nresumed after 0\.\d{3} s: postgresql2 takes writes\n/);
    });

    it("is told to HAProxy without a pause, too", async () => {
      haproxy.leader = "postgresql2";
      assert.equal((await ask("POST", "/leader?name=postgresql2")).status, 200);
      assert.equal(haproxy.seen.length, 2);
      assert.deepEqual(pgbouncer.done, []);
    });

    it("that HAProxy does not see changes nothing, and the pause ends at its deadline", async () => {
      haproxy.leader = "postgresql1";
      await pause(limit);
      const asked = ask("POST", "/leader?name=postgresql2");
      await resumed();
      const { status, body } = await asked;
      assert.equal(status, 504);
      assert.equal(body.error, "HAProxy does not see postgresql2 lead");
      assert.deepEqual([...new Set(haproxy.seen)], ["postgresql2?"]);
    });

    it("resumes the pool even when HAProxy cannot be told", async () => {
      await pause(limit);
      haproxy.leader = "postgresql2";
      await stop("SIGTERM");
      configure({ haproxy: "/nowhere" });
      await start();
      await pause(limit);
      assert.equal((await ask("POST", "/leader?name=postgresql2")).status, 200);
      assert.ok(!pgbouncer.paused);
      assert.match(log, /could not tell HAProxy that postgresql2 leads: .*No such file/);
    });

    it("can name itself only", async () => {
      haproxy.leader = "postgresql1";
      for (const path of ["/leader", "/leader?name=postgresql1"]) assert.equal((await ask("POST", path)).status, 403);
      assert.deepEqual(haproxy.seen, []);
    });
  });

  it("shows a renewed certificate after a reload", async () => {
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port, ...read(node) }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        }).on("error", reject);
      });
    const before = await shown();
    own = ca.pair("haproxy1");
    gate.kill("SIGHUP");
    await until(() => log.includes("took its certificate up anew"), "the reload");
    assert.notEqual(await shown(), before);
    copyFileSync(config(), own.cert);
    gate.kill("SIGHUP");
    await until(() => log.includes("keeps the certificate it has"), "the second reload");
    assert.equal((await ask("GET", "/")).status, 200);
    own = ca.pair("haproxy1");
  });

  it("goes on at once for others, and for the node itself, when a node holds connections and says nothing", async () => {
    const idle = Array.from({ length: 40 }, () => connect({ host: "127.0.0.1", port, ...read(node) }));
    for (const socket of idle) socket.on("error", () => undefined);
    await pause(0.3);
    await resumed();
    const silent = Array.from({ length: 500 }, () => createConnectionTo(port));
    // Those of the node that come later may displace its own question while that is in its handshake.
    const answer = async (): Promise<number> =>
      ask("GET", "/").then(
        ({ status }) => status,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== "ECONNRESET") throw error;
          return answer();
        },
      );
    const took = await timed(answer().then((status) => assert.equal(status, 200)));
    assert.ok(took < 1.9, `answered after ${took} s: the silent ones' time is 2 s`);
    for (const socket of [...idle, ...silent]) socket.destroy();
  });
});

function createConnectionTo(port: number) {
  return connectPlain({ host: "127.0.0.1", port }).on("error", () => undefined);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
