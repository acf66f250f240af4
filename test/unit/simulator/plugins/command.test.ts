import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { Engine, type Resource } from "../../../../simulator/plugins/engine";
import { isUnknown, type Values } from "../../../../simulator/plugins/lib/wire";
import { startSshd, type Sshd } from "../../../../simulator/plugins/sshd";
import { Folder, KEY, LOCAL, REMOTE, tool } from "../../../../simulator/plugins/tools";

describe("stand-in plugin command", function () {
  this.timeout(15_000);
  const folder = new Folder();
  let command: Engine;
  let tls: Engine;

  before(async () => {
    [command, tls] = await Promise.all([folder.start("command"), folder.start("tls")]);
  });

  after(async () => {
    await Promise.all([command.stop(), tls.stop()]);
    folder.remove();
  });

  let sshd: Sshd;
  let connection: Values;
  let hostKey: Resource;
  let otherKey: Resource;
  const run = (inputs: Values, more: Values = {}): Promise<Resource> =>
    command.create(REMOTE, { connection: { ...connection, ...more }, ...inputs });

  before(async () => {
    hostKey = await tls.create(KEY, { algorithm: "ED25519" });
    otherKey = await tls.create(KEY, { algorithm: "ED25519" });
    const userKey = await tls.create(KEY, { algorithm: "ED25519" });
    const { publicKeyOpenssh, privateKeyOpenssh } = userKey.state;
    sshd = await startSshd(String(hostKey.state.privateKeyOpenssh), String(publicKeyOpenssh), [
      "GREETING",
      "PULUMI_COMMAND_STDOUT",
    ]);
    connection = {
      host: "127.0.0.1",
      port: sshd.port,
      user: "pgha",
      privateKey: privateKeyOpenssh,
      hostKey: hostKey.state.publicKeyOpenssh,
      dialErrorLimit: 0,
    };
  });

  after(() => sshd.close());

  it("runs with stdin and environment, and keeps both streams", async () => {
    const made = await run({
      create: 'read x; echo "$GREETING $x"; echo; echo oops >&2',
      stdin: "world\n",
      environment: { GREETING: "hello" },
    });
    assert.equal(made.state.stdout, "hello world\n"); // only the last newline goes
    assert.equal(made.state.stderr, "oops");
    assert.match(made.id, /^it[0-9a-f]{8}$/);
  });

  it("passes large input and output whole", async () => {
    const text = "0123456789abcdef".repeat(200_000);
    const made = await run({ create: "cat", stdin: text, logging: "none" });
    assert.equal(made.state.stdout, text);
  });

  it("runs update at a change, create without update, with the output of the run before", async () => {
    const script = 'echo "made after $PULUMI_COMMAND_STDOUT"';
    const made = await run({ create: script });
    assert.equal(made.state.stdout, "made after ");
    const inputs = { ...made.inputs, stdin: "changed" };
    assert.deepEqual(await command.diff(REMOTE, made, inputs), { stdin: "ADD" });
    const again = await command.update(REMOTE, made, inputs);
    assert.equal(again.state.stdout, "made after made after ");
    const silent = await command.update(REMOTE, made, { ...inputs, addPreviousOutputInEnv: false });
    assert.equal(silent.state.stdout, "made after ");
    const updated = await command.update(REMOTE, again, { ...inputs, update: "echo updated" });
    assert.equal(updated.state.stdout, "updated");
    assert.ok(isUnknown((await command.update(REMOTE, again, inputs, { preview: true })).state.stdout));
  });

  it("replaces on a changed trigger and is left alone by equal inputs", async () => {
    const made = await run({ create: "true", triggers: ["a", 1] });
    assert.deepEqual(await command.diff(REMOTE, made, { ...made.inputs, triggers: ["b", 1] }), {
      "triggers[0]": "UPDATE_REPLACE",
    });
    const withDefault = { ...made.inputs, connection: { ...connection, perDialTimeout: 15 } };
    assert.deepEqual(await command.diff(REMOTE, made, withDefault), {});
  });

  it("dials at the end only for a delete command", async () => {
    const kept = await run({ create: "true" });
    const logins = sshd.logins();
    await command.delete(REMOTE, kept);
    assert.equal(sshd.logins(), logins);
    const path = join(folder.path, "deleted");
    await command.delete(REMOTE, await run({ create: "true", delete: `touch ${path}` }));
    assert.equal(tool("ls", path).trim(), path);
  });

  it("quotes the command and its output when it fails", async () => {
    await assert.rejects(run({ create: 'echo "out"; echo err >&2; exit 3', stdin: "hush" }), (error: Error) => {
      assert.match(error.message, /^Process exited with status 3: running "echo \\"out\\"; echo err >&2; exit 3":\n/);
      assert.deepEqual(error.message.split("\n").slice(1).sort(), ["", "err", "out"]);
      return !error.message.includes("hush");
    });
    await assert.rejects(run({ create: "kill -9 $$" }), /status 137 from signal KILL/);
  });

  it("refuses a wrong host key, a key that may not log in, and a refused variable", async () => {
    const logins = sshd.logins();
    const wrong = run({ create: "true" }, { hostKey: otherKey.state.publicKeyOpenssh });
    await assert.rejects(wrong, /after 0 failed attempts: ssh: handshake failed: ssh: host key mismatch/);
    await assert.rejects(run({ create: "true" }, { hostKey: "junk" }), /failed to parse host key/);
    const stranger = run({ create: "true" }, { privateKey: otherKey.state.privateKeyPem });
    await assert.rejects(stranger, /unable to authenticate, attempted methods \[none publickey\]/);
    assert.equal(sshd.logins(), logins);
    const marker = join(folder.path, "must-not-run");
    const refused = run({ create: `touch ${marker}`, environment: { OTHER: "x" } });
    await assert.rejects(refused, /could not set environment variable "OTHER"/);
    assert.throws(() => tool("ls", marker));
  });

  it("goes through a proxy", async () => {
    const made = await run({ create: "echo through" }, { proxy: connection });
    assert.equal(made.state.stdout, "through");
  });

  /** A way to the SSH server that ends its first connection, as a machine does that is rebooting. */
  async function flaky() {
    let connections = 0;
    const server = createServer((client) => {
      if (++connections === 1) return client.destroy();
      const through = connect(sshd.port, "127.0.0.1");
      client.on("error", () => through.destroy()).pipe(through);
      through.on("error", () => client.destroy()).pipe(client);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return { server, port: (server.address() as { port: number }).port, connections: () => connections };
  }

  it("dials anew after a handshake that failed, but through a proxy shakes hands again on what has ended, as the real one", async () => {
    const direct = await flaky();
    const made = await run({ create: "echo up" }, { port: direct.port, dialErrorLimit: 2 });
    assert.equal(made.state.stdout, "up");
    direct.server.close();
    const behind = await flaky();
    await assert.rejects(
      run({ create: "echo up" }, { port: behind.port, dialErrorLimit: 2, proxy: connection }),
      /proxy: after 2 failed attempts: ssh: handshake failed: EOF/,
    );
    assert.equal(behind.connections(), 1);
    behind.server.close();
  });

  it("dials again until the server is there, within the limit and the timeout", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    holder.close();
    await once(holder, "close");
    const started = Date.now();
    await assert.rejects(
      run({ create: "true" }, { port, dialErrorLimit: 3 }),
      new RegExp(`after 3 failed attempts: dial tcp 127.0.0.1:${port}: connect: connection refused`),
    );
    assert.ok(Date.now() - started >= 475); // 0.1 + 0.15 + 0.225 s
    const inputs = { create: "echo up", connection: { ...connection, port, dialErrorLimit: -1 } };
    await assert.rejects(command.create(REMOTE, inputs, { timeout: 0.5 }), /context deadline exceeded/);
    const late = command.create(REMOTE, inputs);
    const user = tool("ssh-keygen", "-y", "-f", folder.file("user", connection.privateKey));
    const second = await startSshd(String(hostKey.state.privateKeyOpenssh), user, [], port);
    assert.equal((await late).state.stdout, "up");
    await second.close();
  });

  it("runs local commands", async () => {
    const inputs = { create: "cat; pwd; echo $A", stdin: "in\n", dir: folder.path, environment: { A: "b" } };
    const made = await command.create(LOCAL, inputs);
    assert.equal(made.state.stdout, `in\n${folder.path}\nb`);
    const other = await command.create(LOCAL, { create: "print 6*7", interpreter: ["perl", "-e"] });
    assert.equal(other.state.stdout, "42");
    await assert.rejects(command.create(LOCAL, { create: "exit 4" }), /^Error: exit status 4: running "exit 4":\n/);
    assert.match((await command.check(LOCAL, { create: "true", assetPaths: ["*"] })).join(), /no input "assetPaths"/);
  });

  it("stops what runs when the engine cancels", async () => {
    const engine = await Engine.start(join(folder.path, "pulumi-resource-command"));
    try {
      const seen = sshd.logins();
      const remote = engine.create(REMOTE, { connection, create: "echo started; exec sleep 60" });
      const local = engine.create(LOCAL, { create: "touch running; exec sleep 60", dir: folder.path });
      const outcomes = Promise.allSettled([remote, local]);
      const started = Date.now();
      while ((sshd.logins() === seen || !existsSync(join(folder.path, "running"))) && Date.now() - started < 5000) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      await engine.cancel();
      const [first, second] = await outcomes;
      assert.match(String((first as PromiseRejectedResult).reason), /context canceled/);
      assert.match(String((second as PromiseRejectedResult).reason), /signal: SIGKILL/);
    } finally {
      await engine.stop();
    }
  });
});
