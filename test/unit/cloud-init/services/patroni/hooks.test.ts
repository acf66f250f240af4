import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { guardFiles } from "../../../../../cloud-init/services/guard/files";
import { hookFiles } from "../../../../../cloud-init/services/patroni/hooks";
import { patroniFiles } from "../../../../../cloud-init/services/patroni/files";
import { temporaryFolder, type Ran } from "../../../support/bash";
import { CertificateAuthority, read, type Pair } from "../../../support/certificates";
import { plan } from "../../../support/settings";

const programs = join(__dirname, "../../../../../cloud-init/services/patroni");

const variables = (raw = {}) =>
  hookFiles(plan(raw), plan(raw).postgresql[0]!).find(({ path }) => path === "/etc/pgha/hooks.env")!.content;

describe("the hooks' files", () => {
  it("name every proxy's gate", () => {
    assert.match(variables(), /^GATES=\(https:\/\/10.88.0.31:8009 https:\/\/10.88.0.32:8009\)$/m);
    assert.match(variables(), /^ETCD=\((https:\/\/10.88.0.1[123]:2379 ?){3}\)$/m);
  });

  it("let a stop take its time, but not so long that the watchdog takes its leader for hung", () => {
    const limit = (clock: object) => Number(/^CHECKPOINT=(\d+)$/m.exec(variables({ clock }))![1]);
    assert.deepEqual([limit({ preset: "fast" }), limit({ ttl: 60 }), limit({ ttl: 24, loopWait: 17 })], [8, 10, 1]);
  });

  it("are what Patroni's configuration names, and none without a pause", () => {
    for (const clock of ["fast", "classic"]) {
      const here = plan({ clock });
      const node = here.postgresql[0]!;
      const named = patroniFiles(here, node)[0]!.content.match(/\/usr\/local\/lib\/pgha\/\S+\.sh/g) ?? [];
      const there = [...hookFiles(here, node), ...guardFiles(here, node)].map(({ path }) => path);
      assert.deepEqual([...new Set(named)].sort(), there.filter((path) => path.endsWith(".sh")).sort(), clock);
      // The guard runs on every clock.
      assert.equal(named.length, clock === "fast" ? 5 : 1);
    }
  });
});

describe("the hooks", () => {
  const folder = temporaryFolder();
  const at = (...path: string[]) => join(folder(), ...path);
  let pair: Pair;
  let etcd: Server;
  let gates: Server[];
  /** What was asked of whom, in order. */
  let asked: string[];
  /** Has every gate been asked after the SQL and before the stop? */
  let orderly: boolean;
  /** Who has the leader key, if anybody; undefined: etcd does not answer. */
  let leader: string | null | undefined;
  let postmaster: ChildProcess;

  const listen = async (answer: (path: string, socket: TLSSocket) => Promise<[number, string]>): Promise<Server> => {
    const tls = { ...read(pair), requestCert: true, rejectUnauthorized: false };
    const server = createServer(tls, (request, response) => {
      void answer(`${request.method} ${request.url}`, request.socket as TLSSocket).then(([status, body]) =>
        response.writeHead(status).end(body),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return server;
  };
  const address = (server: Server) => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  before(() => (pair = new CertificateAuthority(at("ca")).pair("postgresql1")));

  beforeEach(async () => {
    asked = [];
    orderly = true;
    leader = "postgresql1";
    for (const path of [at("bin"), at("data")]) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
    }
    psql(0);
    // etcd's JSON gateway, as etcd 3.6 answers: its white space differs from build to build.
    etcd = await listen(async (path) => {
      if (leader === undefined) await wait(5000);
      assert.equal(path, "POST /v3/kv/range");
      const found = `"kvs":[{"key":"${base64("/service/pgha-dev/leader")}", "value":"${base64(leader ?? "")}", "lease":"1"}], `;
      return [200, `{"header":{"revision":"187"}, ${leader === null ? "" : found}"count":"1"}`];
    });
    gates = await Promise.all(
      [0, 1].map(() =>
        listen((path, socket) => {
          asked.push(`${path} by ${socket.getPeerCertificate().subject.CN}`);
          orderly &&= sql() !== "" && !stopped();
          return Promise.resolve([200, '{"paused": true}']);
        }),
      ),
    );
    startPostmaster("sleep 60");
  });

  afterEach(() => {
    postmaster.kill("SIGKILL");
    for (const server of [etcd, ...gates]) {
      server.closeAllConnections();
      server.close();
    }
  });

  function startPostmaster(command: string): void {
    postmaster?.kill("SIGKILL");
    postmaster = spawn("bash", ["-c", `exec ${command}`], { stdio: "ignore" });
    writeFileSync(at("data", "postmaster.pid"), `${postmaster.pid}\n/data\n`);
  }
  const stopped = () => postmaster.signalCode === "SIGINT";

  /** A psql that notes what it is asked to run, and whether the gates have been asked before. */
  function psql(code: number): void {
    writeFileSync(
      at("bin", "psql"),
      `#!/bin/bash\necho "\${@: -1} ($PGOPTIONS)" >>${at("data", "sql")}\nexit ${code}\n`,
    );
    chmodSync(at("bin", "psql"), 0o755);
  }
  const sql = () => (existsSync(at("data", "sql")) ? readFileSync(at("data", "sql"), "utf8").trim() : "");

  async function run(name: string, args: string[] = [], to = gates.map(address)): Promise<Ran & { took: number }> {
    const own = variables()
      .replace(/^ETCD=.*$/m, `ETCD=(${["https://127.0.0.1:1", address(etcd)].join(" ")})`)
      .replace(/^GATES=.*$/m, `GATES=(${to.join(" ")})`)
      .replace(/^PGDATA=.*$/m, `PGDATA=${at("data")}`)
      .replace(/^CA=.*$/m, `CA=${pair.ca}`)
      .replace(/^CERT=.*$/m, `CERT=${pair.cert}`)
      .replace(/^KEY=.*$/m, `KEY=${pair.key}`);
    writeFileSync(at("hooks.env"), own);
    const began = performance.now();
    const child = spawn("bash", [join(programs, name), ...args], {
      env: { PATH: `${at("bin")}:${process.env.PATH}`, PGHA_HOOKS: at("hooks.env") },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => (stdout += data));
    child.stderr.on("data", (data) => (stderr += data));
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, stdout, stderr, took: (performance.now() - began) / 1000 };
  }

  describe("before a stop", () => {
    const leavesItToPatroni = async () => {
      const { code, stdout } = await run("before-stop.sh");
      assert.deepEqual([code, stdout, asked, stopped()], [0, "", [], false]);
    };

    it("write what is to be written, pause every pool, and stop PostgreSQL, in this order", async () => {
      const { code, stdout, stderr } = await run("before-stop.sh");
      assert.deepEqual([code, stderr], [0, ""]);
      assert.equal(sql(), "CHECKPOINT (-c statement_timeout=8s)");
      const request = "POST /pause?for=4 by postgresql1";
      assert.deepEqual(asked, [request, request]);
      assert.ok(orderly);
      assert.ok(stopped(), "by SIGINT, a fast stop");
      const answer = String.raw`https:\/\/127.0.0.1:\d+\/pause\?for=4: 200 `;
      const lines = `pgha: asked ${answer}; ${answer}\npgha: PostgreSQL has stopped within \\d+ ms\n`;
      assert.match(stdout, new RegExp(`^${lines}$`));
    });

    it("leave a standby alone, and ask nobody about it", async () => {
      writeFileSync(at("data", "standby.signal"), "");
      let etcdAsked = false;
      etcd.on("request", () => (etcdAsked = true));
      await leavesItToPatroni();
      assert.ok(!etcdAsked);
      assert.equal(sql(), "");
    });

    it("leave a leader that has lost its key to Patroni at once", async () => {
      for (leader of [null, "postgresql2", "postgresql11"]) await leavesItToPatroni();
      assert.equal(sql(), "");
    });

    it("leave a leader without etcd to Patroni, after half a second", async () => {
      leader = undefined;
      const { code, took } = await run("before-stop.sh");
      assert.equal(code, 0);
      assert.ok(took < 1.5, `took ${took} s`);
      assert.deepEqual([asked, sql(), stopped()], [[], "", false]);
    });

    it("leave a PostgreSQL that takes no connections to Patroni", async () => {
      psql(2);
      await leavesItToPatroni();
    });

    it("go on when the checkpoint takes too long", async () => {
      psql(1);
      assert.equal((await run("before-stop.sh")).code, 0);
      assert.ok(stopped());
    });

    it("go on without proxies that refuse or say nothing", async () => {
      const silent = await listen(() => new Promise(() => undefined));
      gates.push(silent);
      const { code, stdout, took } = await run(
        "before-stop.sh",
        [],
        ["https://127.0.0.1:1", address(silent), address(gates[0]!)],
      );
      assert.equal(code, 0);
      assert.ok(stopped());
      assert.deepEqual(asked, ["POST /pause?for=4 by postgresql1"]);
      assert.match(stdout, /127\.0\.0\.1:1\/pause\?for=4: 000 .*(refused|Failed to connect)/);
      assert.match(stdout, /timed out/i);
      assert.ok(took < 2.5, `took ${took} s`);
    });

    it("let Patroni go on when PostgreSQL does not stop in time", async () => {
      startPostmaster(`bash -c "trap '' INT; exec sleep 60"`);
      await wait(500);
      const { code, stdout, took } = await run("before-stop.sh");
      assert.equal(code, 0);
      assert.match(stdout, /PostgreSQL has not stopped within 3 s; Patroni goes on\n$/);
      assert.ok(took > 3 && took < 5, `took ${took} s`);
    });
  });

  describe("at a change of role", () => {
    it("tell every proxy once PostgreSQL takes writes", async () => {
      for (const action of ["on_role_change", "on_start", "on_restart"]) {
        asked.length = 0;
        const { code, stdout, stderr } = await run("role-change.sh", [action, "primary", "pgha-dev"]);
        assert.deepEqual([code, stderr], [0, ""]);
        const request = "POST /leader?name=postgresql1 by postgresql1";
        assert.deepEqual(asked, [request, request]);
        assert.match(stdout, /^pgha: takes writes, told (https:\S+: 200 ;? ?){2}\n$/);
      }
      assert.match(sql(), /^DO .* pg_is_in_recovery\(\) .* \(-c statement_timeout=5s\)$/m);
    });

    it("have nothing to say for a standby", async () => {
      const { code, stdout } = await run("role-change.sh", ["on_role_change", "replica", "pgha-dev"]);
      assert.deepEqual([code, stdout, asked, sql()], [0, "", [], ""]);
    });

    it("say nothing when PostgreSQL takes no writes after all", async () => {
      psql(1);
      await run("role-change.sh", ["on_role_change", "primary", "pgha-dev"]);
      assert.deepEqual(asked, []);
    });
  });
});
