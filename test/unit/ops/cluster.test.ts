import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askLeader, askPatroni } from "../../../ops/ask";
import { loadCluster, nodeNamed, readOutputs, writePrivate, type Exec, type Cluster } from "../../../ops/cluster";
import { formatEndpoints, endpointsOf } from "../../../ops/endpoints";
import { OpsError } from "../../../ops/errors";
import { quote, run } from "../../../ops/process";
import { clientConnection, journal } from "../../../ops/shell";
import { asRoot, sshConfig, sshRunner, writeSshFiles } from "../../../ops/ssh";
import { bash } from "../support/bash";
import { patroniCluster } from "../support/ops-answers";
import { behindBastion, fakeCluster, fakeOutputs, fakeReached, unreachable } from "../support/ops-fixture";

const answering =
  (result: Partial<Awaited<ReturnType<Exec>>>): Exec =>
  async () => ({ code: 0, stdout: "", stderr: "", ...result });
const failing =
  (code: string): Exec =>
  async () => {
    throw Object.assign(new Error("spawn"), { code });
  };
const refuses = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, (error) => error instanceof OpsError && error.code === 2 && message.test(error.message));

describe("outputs of a stack", () => {
  it("are read without secrets among the arguments", async () => {
    let args: string[] = [];
    const exec: Exec = async (command, given) => {
      args = [command, ...given];
      return { code: 0, stdout: JSON.stringify(fakeOutputs()), stderr: "" };
    };
    assert.deepEqual(await readOutputs("dev", exec), fakeOutputs());
    assert.deepEqual(args, [
      "pulumi",
      "stack",
      "output",
      "--json",
      "--show-secrets",
      "--non-interactive",
      "--stack",
      "dev",
    ]);
  });

  const cases: [string, Exec, RegExp][] = [
    ["pulumi is missing", failing("ENOENT"), /pulumi was not found; `npm run setup`/],
    [
      "there is no such stack",
      answering({ code: 255, stderr: "error: no stack named 'x' found" }),
      /there is no stack 'x'.*npm run up -- --stack x/,
    ],
    [
      "the passphrase is wrong",
      answering({ code: 255, stderr: "error: incorrect passphrase" }),
      /PULUMI_CONFIG_PASSPHRASE/,
    ],
    [
      "pulumi fails otherwise",
      answering({ code: 255, stderr: "error: the bucket is gone" }),
      /stack 'x': the bucket is gone$/,
    ],
    ["pulumi hangs", answering({ code: null }), /did not answer within 120 s/],
    [
      "the stack is empty",
      answering({ stdout: "{}" }),
      /has no cluster yet; bring it up with `npm run up -- --stack x`/,
    ],
    [
      "an `up` was interrupted",
      answering({ stdout: JSON.stringify({ cluster: {}, ssh: {} }) }),
      /lacks the outputs caCertificate, writeUrl/,
    ],
    ["the answer is not JSON", answering({ stdout: "warning: {" }), /not JSON/],
  ];
  for (const [name, exec, message] of cases)
    it(`say what to do when ${name}`, () => refuses(readOutputs("x", exec), message));

  it("are not asked for a name that is none", () =>
    refuses(loadCluster("--help", answering({})), /'--help' is not a stack name/));
});

describe("files for ssh", () => {
  it("are for this user only", () => {
    const cluster = fakeCluster();
    writeSshFiles(cluster);
    assert.equal(statSync(cluster.folder).mode & 0o777, 0o700);
    for (const file of ["id_ed25519", "known_hosts", "config"]) {
      assert.equal(statSync(join(cluster.folder, file)).mode & 0o777, 0o600, file);
    }
    assert.match(readFileSync(join(cluster.folder, "id_ed25519"), "utf8"), /KEY-----\n$/);
  });

  it("pin every host key and name every node, as ssh itself reads them", () => {
    const cluster = fakeCluster();
    const config = writeSshFiles(cluster);
    const read = execFileSync("ssh", ["-G", "-F", config, "postgresql2"], { encoding: "utf8" });
    for (const line of [
      "hostname 10.88.0.22",
      "user pgha",
      "hostkeyalias postgresql2",
      "stricthostkeychecking true",
      "connecttimeout 3",
      "batchmode yes",
      `userknownhostsfile ${join(cluster.folder, "known_hosts")}`,
    ]) {
      assert.ok(read.split("\n").includes(line), `${line}\n${read}`);
    }
    assert.match(
      readFileSync(join(cluster.folder, "known_hosts"), "utf8"),
      /^postgresql2 ssh-ed25519 AAAApostgresql2$/m,
    );
  });

  it("lead through the bastion, if there is one, with its own key pinned", () => {
    const cluster = behindBastion();
    cluster.outputs.ssh.bastionKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nother\n-----END OPENSSH PRIVATE KEY-----";
    const config = writeSshFiles(cluster);
    const read = (name: string) => execFileSync("ssh", ["-G", "-F", config, name], { encoding: "utf8" }).split("\n");
    assert.ok(read("etcd1").includes("proxyjump bastion"));
    const bastion = read("bastion");
    for (const line of ["hostname 203.0.113.7", "port 2222", "user jump", "hostkeyalias bastion", "batchmode yes"])
      assert.ok(bastion.includes(line), line);
    assert.ok(!bastion.some((line) => line.startsWith("proxyjump ")));
    // Its own key is tried first, and the nodes never see it.
    const keys = (lines: string[]) => lines.filter((line) => line.startsWith("identityfile "));
    const [own, usual] = ["id_bastion", "id_ed25519"].map((name) => `identityfile ${join(cluster.folder, name)}`);
    assert.deepEqual(keys(bastion), [own, usual]);
    assert.deepEqual(keys(read("etcd1")), [usual]);
    assert.equal(statSync(join(cluster.folder, "id_bastion")).mode & 0o777, 0o600);
    assert.match(readFileSync(join(cluster.folder, "known_hosts"), "utf8"), /^bastion ssh-ed25519 AAAAbastion$/m);
  });

  it("give a recreated machine a connection of its own", () => {
    const cluster = fakeCluster();
    const path = () => /ControlPath "(.*)"/.exec(sshConfig(cluster, "/run/x"))![1]!;
    const before = path();
    cluster.nodes[0]!.hostKey = "ssh-ed25519 other";
    assert.notEqual(path(), before);
    assert.ok(before.length < 90, "a socket's path is short");
  });

  it("are not left open when they were", () => {
    const { folder } = fakeCluster();
    mkdirSync(folder, { recursive: true });
    const path = join(folder, "key");
    writeFileSync(path, "old");
    chmodSync(path, 0o644);
    writePrivate(path, "new");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    chmodSync(path, 0o644);
    writePrivate(path, "new");
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });
});

describe("running on nodes", () => {
  it("says why a node cannot be reached", async () => {
    const cluster = fakeCluster();
    for (const node of cluster.nodes) node.address = "127.0.0.1";
    const runner = sshRunner(cluster);
    const config = join(cluster.folder, "config");
    // Nobody listens on this port: as good as a machine whose SSH server is down.
    writeFileSync(config, `Host *\n  Port 1\n${readFileSync(config, "utf8")}`);
    const { unreachable: why } = await runner.run("etcd1", "true");
    assert.match(why ?? "", /Connection refused/);
  });

  it("quotes scripts for the shell", () => {
    const script = `printf '%s|' "a b" '$HOME' "it's" \`echo x\``;
    const printed = execFileSync("bash", ["-c", asRoot(script).replace("sudo -n ", "")], { encoding: "utf8" });
    assert.equal(printed, "a b|$HOME|it's|x|");
    assert.equal(quote("plain/word-1"), "plain/word-1");
  });

  it("ends a command at its time limit", async () => {
    const started = Date.now();
    // What it has started lives on and keeps the output open.
    const { code, stdout } = await run("bash", ["-c", "echo begun; sleep 5 & wait"], { timeout: 1000 });
    assert.deepEqual({ code, stdout }, { code: null, stdout: "begun\n" });
    assert.ok(Date.now() - started < 3000);
  });
});

describe("asking Patroni", () => {
  it("takes the first node that answers", async () => {
    const reached = fakeReached((node) => (node === "postgresql3" ? patroniCluster("postgresql2") : unreachable));
    assert.equal((await askLeader(reached)).name, "postgresql2");
  });

  it("says so when none does, or none leads", async () => {
    await refuses(askPatroni(fakeReached(() => unreachable)), /no Patroni answers/);
    await refuses(askLeader(fakeReached(() => patroniCluster("nobody"))), /no leader now/);
  });

  it("names the nodes when one is asked for that does not exist", () => {
    assert.throws(() => nodeNamed(fakeCluster(), "postgresql9"), /no node 'postgresql9'; it has etcd1, postgresql1/);
  });
});

describe("endpoints", () => {
  const shown = (cluster: Cluster) => formatEndpoints(cluster, endpointsOf(cluster));

  it("show no secret", () => {
    const cluster = fakeCluster();
    for (const text of [shown(cluster), JSON.stringify(endpointsOf(cluster))]) {
      assert.doesNotMatch(text, /s3cret/);
      assert.match(text, /postgresql:\/\/app@127\.0\.0\.1:6432\/app/);
      assert.match(text, /https:\/\/127\.0\.0\.1:7501\//);
    }
  });

  it("of a cluster behind a bastion say how they are reached from here", () => {
    assert.doesNotMatch(shown(fakeCluster()), /tunnel/);
    const text = shown({ ...behindBastion(), stack: "staging" });
    assert.match(text, /through the bastion 203\.0\.113\.7:\n {2}npx pgha tunnel --stack staging$/m);
  });

  it("name the stack in what to try next, unless it is dev", () => {
    assert.match(shown(fakeCluster()), /^ {2}npx pgha status$/m);
    assert.match(shown({ ...fakeCluster(), stack: "blue" }), /^ {2}npx pgha status --stack blue$/m);
  });
});

describe("psql and logs", () => {
  it("keep the password in a file of its own", () => {
    const cluster = fakeCluster();
    const connection = clientConnection(cluster, "app");
    assert.doesNotMatch(connection, /s3cret/);
    assert.match(connection, /port='6432,6433'/);
    assert.match(connection, /sslmode='verify-full'/);
    const file = join(cluster.folder, "pgpass");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(readFileSync(file, "utf8"), "*:*:*:app:s3cretapp\n*:*:*:app_owner:s3cretapp_owner\n");
  });

  it("verify the server's name also where proxies are known by their addresses", () => {
    const cluster = fakeCluster();
    for (const [index, proxy] of cluster.facts.proxies.entries()) proxy.host = `10.100.0.${22 + index}`;
    const connection = clientConnection(cluster, "app");
    assert.match(connection, /host='localhost,localhost' hostaddr='10\.100\.0\.22,10\.100\.0\.23'/);
    for (const proxy of cluster.facts.proxies) proxy.host = "db.example.org";
    assert.match(clientConnection(cluster, "app"), /host='db\.example\.org,db\.example\.org' port=/);
  });

  it("send the owner past the pool", () => {
    const connection = clientConnection(fakeCluster(), "owner");
    assert.match(connection, /port='5500,5502'/);
    assert.match(connection, /user='app_owner'/);
  });

  it("choose the daemons of the node's role", () => {
    assert.match(journal("haproxy", { lines: 5 }), /-u haproxy -u pgbouncer -u pgbouncer-\* -u pgha-gate -n 5$/);
    assert.match(journal("postgresql", { lines: 10, follow: true }), /-u patroni -u pgha-guard -n 10 -f$/);
    assert.match(journal("etcd", { lines: 1, json: true }), /-o json -u etcd/);
  });

  it("show the journal also when journalctl meets its rotation and prints nothing", () => {
    const ask = journal("etcd", { lines: 5 });
    const answers = (...given: string[]) => {
      const { code, stdout } = bash(
        `asked=$(mktemp); answers=(${given.map((text) => `"${text}"`).join(" ")})
         sudo() { printf "\${answers[$(wc -l <"$asked")]}"; echo >>"$asked"; }
         ${ask}
         rm "$asked"`,
      );
      return [code, stdout];
    };
    assert.deepEqual(answers("a line\\n", "never"), [0, "a line\n"]);
    assert.deepEqual(answers("", "a line\\n", "never"), [0, "a line\n"]);
  });
});
