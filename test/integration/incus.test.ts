/**
 * The Incus driver in a real Pulumi program against the real daemon: a network and two or three machines, changed,
 * broken and healed. Needs what `npm run setup` makes.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Incus } from "../../components/incus/api";
import { imageAlias } from "../../components/incus/image";
import type { IncusInstance, IncusNetwork } from "../../components/incus/model";
import { removeInstance } from "../../components/incus/power";
import { checkoutRoot, pulumiEnv } from "../../ops/env";
import { makeSshKey, type SshKey } from "../../simulator/plugins/sshd";
import { stateUrl } from "../../simulator/stack";

const NETWORK = "pghat0";
const PORT = 15501;
const machine = (number: number) => `pgha-t-m${number}`;

const PROGRAM = `
import * as pulumi from "@pulumi/pulumi";
import * as fs from "node:fs";
import { Instance, Network } from "./components/incus/resources";

const { cidr, key, machines } = JSON.parse(fs.readFileSync("settings.json", "utf8"));
const network = new Network("network", { name: "${NETWORK}", cidr, stack: "t" });
const hostKey = { privateKey: pulumi.secret(key.privateKey), publicKey: key.publicKey };
export const incarnation: Record<string, pulumi.Output<string>> = {};
for (const { name, ...rest } of machines) {
  const args = { name, network: network.name, stack: "t", hostKey, ...rest };
  // As the project itself does: when the network goes, its machines go with it, all at once.
  incarnation[name] = new Instance(name, args, { deletedWith: network }).incarnation;
}
`;

interface Settings {
  cidr: string;
  machines: Record<string, unknown>[];
}

const settingsOf = (count: number, prefix = "10.88.77"): Settings => ({
  cidr: `${prefix}.0/24`,
  machines: Array.from({ length: count }, (_, index) => ({
    name: machine(index + 1),
    hostname: `m${index + 1}`,
    address: `${prefix}.${11 + index}`,
    image: imageAlias(),
    pool: "pgha",
    cpus: 1,
    memoryMiB: 256,
    userData: "#cloud-config\n{}\n",
    publish: index === 0 ? [{ listen: `127.0.0.1:${PORT}`, port: 22 }] : [],
  })),
});

describe("incus: a real program", function () {
  this.timeout(60_000);
  const incus = new Incus();
  const folder = path.join(checkoutRoot, ".pgha", "test-incus");
  const find = (name: string) => incus.find<IncusInstance>(`/1.0/instances/${name}`);
  const ours = async () =>
    (await incus.get<string[]>("/1.0/instances"))
      .map((url) => path.basename(url))
      .filter((name) => /^pgha-t-/.test(name));
  const settings = settingsOf(2);
  let key: SshKey;
  let incarnation: Record<string, string>;

  function pulumi(...args: string[]): ChildProcess {
    const env = { ...pulumiEnv(), PULUMI_BACKEND_URL: stateUrl(`${folder}/state`), PULUMI_CONFIG_PASSPHRASE: "t" };
    return spawn("pulumi", [...args, "--non-interactive"], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Runs the CLI to its end. */
  async function run(...args: string[]): Promise<{ code: number | null; text: string }> {
    const child = pulumi(...args);
    let text = "";
    child.stdout!.on("data", (data) => (text += data));
    child.stderr!.on("data", (data) => (text += data));
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { code, text };
  }

  const save = (now: Settings) => fs.writeFileSync(path.join(folder, "settings.json"), JSON.stringify({ ...now, key }));

  /** `pulumi up` with these settings; returns the lines of its summary, such as "1 created". */
  async function up(now: Settings, ...args: string[]): Promise<string> {
    save(now);
    const { code, text } = await run("up", "--yes", "--skip-preview", ...args);
    assert.equal(code, 0, text);
    incarnation = JSON.parse((await run("stack", "output", "incarnation", "--json")).text) as Record<string, string>;
    const [, lines = ""] = /Resources:\n([\s\S]*?)\n\n/.exec(text) ?? [];
    return lines
      .trim()
      .split(/\s*\n\s*|\. /)
      .filter((line) => !/^\d+ changes$/.test(line))
      .join(", ");
  }

  async function failedUp(now: Settings): Promise<string> {
    save(now);
    const { code, text } = await run("up", "--yes", "--skip-preview");
    assert.notEqual(code, 0, text);
    return text;
  }

  /** Kills an `up` as soon as a machine of that name exists. */
  async function breakOff(now: Settings, name: string): Promise<void> {
    save(now);
    const child = pulumi("up", "--yes", "--skip-preview");
    const ended = new Promise((resolve) => child.on("close", resolve));
    const deadline = Date.now() + 20_000;
    while (!(await find(name))) {
      assert.ok(Date.now() < deadline, `${name} never came`);
      await pause(10);
    }
    const helpers = descendants(child.pid!);
    child.kill("SIGKILL");
    await ended;
    // The driver's process sees that the engine is gone; other helpers of the CLI may not, and are none of ours.
    const driver = helpers.filter(({ command }) => command.includes("dynamic-provider"));
    assert.ok(driver.length > 0, "no driver ran");
    const limit = Date.now() + 5_000;
    while (driver.some(({ pid }) => alive(pid))) {
      assert.ok(Date.now() < limit, "the driver goes on without its engine");
      await pause(20);
    }
    for (const { pid } of helpers) if (alive(pid)) process.kill(pid, "SIGKILL");
    // What a killed run leaves in the way is its lock.
    assert.equal((await run("cancel", "--yes")).code, 0);
  }

  async function removeAll(): Promise<void> {
    for (const name of await ours()) await removeInstance(incus, name);
    if (await incus.find(`/1.0/networks/${NETWORK}`)) await incus.run("DELETE", `/1.0/networks/${NETWORK}`);
  }

  before(async () => {
    await removeAll();
    fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(path.join(folder, "state"), { recursive: true });
    key = makeSshKey(path.join(folder, "key"));
    // The state names the driver by its place in the program's folder.
    for (const part of ["components", "loader.cjs"])
      fs.symlinkSync(path.join(checkoutRoot, part), path.join(folder, part));
    fs.writeFileSync(path.join(folder, "index.ts"), PROGRAM);
    const options = "{ typescript: false, nodeargs: --require=./loader.cjs }";
    fs.writeFileSync(
      path.join(folder, "Pulumi.yaml"),
      `name: pgha-t\nmain: index.ts\nruntime: { name: nodejs, options: ${options} }\n`,
    );
    const { code, text } = await run("stack", "init", "t");
    assert.equal(code, 0, text);
  });

  after(async () => {
    await removeAll();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it("makes machines that answer by SSH with the host key they were given", async () => {
    assert.equal(await up(settings), "+ 4 created");
    assert.deepEqual(await ours(), [machine(1), machine(2)]);
    assert.match(await greeting("10.88.77.11", 22), /^SSH-2\.0-/);
    assert.match(await greeting("127.0.0.1", PORT), /^SSH-2\.0-/);
    const keys = await hostKeys("10.88.77.12");
    assert.ok(keys.includes(key.publicKey), keys);
    const { config, status } = (await find(machine(1)))!;
    assert.equal(status, "Running");
    assert.equal(config["user.pgha.stack"], "t");
    assert.ok(!JSON.stringify(config).includes("PRIVATE KEY"));
  });

  it("keeps the private key encrypted, and nothing of this machine, in the state", async () => {
    const { text } = await run("stack", "export");
    assert.ok(!text.includes("PRIVATE KEY"));
    assert.ok(!text.includes(checkoutRoot));
    assert.match(text, /"__provider": "exports\.handler = /);
  });

  it("changes nothing when nothing changed, new user data and image included", async () => {
    const started = Date.now();
    assert.equal(await up(settings, "--expect-no-changes"), "4 unchanged");
    console.log(`      no-op: ${Date.now() - started} ms with reading the outputs`);
    const newer = settings.machines.map((each) => ({
      ...each,
      userData: "#cloud-config\nnewer: {}\n",
      image: "newer",
    }));
    assert.equal(await up({ ...settings, machines: newer }, "--expect-no-changes"), "4 unchanged");
  });

  it("changes limits and ports of a running machine", async () => {
    const before = { ...incarnation };
    const used = (await find(machine(1)))!.last_used_at;
    const [first, second] = settings.machines;
    const publish = [{ listen: `127.0.0.1:${PORT + 1}`, port: 22 }];
    assert.equal(
      await up({ ...settings, machines: [{ ...first, memoryMiB: 300, publish }, second!] }),
      "~ 1 updated, 3 unchanged",
    );
    const { config, last_used_at } = (await find(machine(1)))!;
    assert.equal(config["limits.memory"], "300MiB");
    assert.equal(last_used_at, used, "it was restarted");
    assert.deepEqual(incarnation, before);
    assert.match(await greeting("127.0.0.1", PORT + 1), /^SSH-2\.0-/);
    await assert.rejects(greeting("127.0.0.1", PORT), /ECONNREFUSED/);
  });

  it("switches a machine off and on", async () => {
    const [first, second] = settings.machines;
    assert.equal(
      await up({ ...settings, machines: [first!, { ...second, running: false }] }),
      "~ 2 updated, 2 unchanged",
    );
    assert.equal((await find(machine(2)))!.status, "Stopped");
    assert.equal(await up(settings), "~ 1 updated, 3 unchanged");
    assert.match(await greeting("10.88.77.12", 22), /^SSH-2\.0-/);
  });

  it("heals what was removed, stopped or altered outside", async () => {
    const before = { ...incarnation };
    await removeInstance(incus, machine(1));
    await incus.run("PUT", `/1.0/instances/${machine(2)}/state`, { action: "stop", force: true });
    await incus.edit<IncusInstance>(`/1.0/instances/${machine(2)}`, (current) => ({
      ...current,
      config: { ...current.config, "limits.memory": "1GiB" },
    }));
    await incus.edit<IncusNetwork>(`/1.0/networks/${NETWORK}`, (current) => ({
      ...current,
      config: { ...current.config, "ipv4.nat": "false" },
    }));
    assert.equal(await up(settings, "--refresh"), "+ 1 created, ~ 2 updated, 1 unchanged");
    assert.notEqual(incarnation[machine(1)], before[machine(1)]);
    assert.equal(incarnation[machine(2)], before[machine(2)]);
    assert.equal((await find(machine(2)))!.config["limits.memory"], "256MiB");
    assert.equal((await incus.get<IncusNetwork>(`/1.0/networks/${NETWORK}`)).config["ipv4.nat"], "true");
    assert.match(await greeting("10.88.77.12", 22), /^SSH-2\.0-/);
    assert.match(await greeting("127.0.0.1", PORT), /^SSH-2\.0-/);
  });

  it("refuses foreign machines, taken ports and missing images before it changes anything", async () => {
    const wanted = settingsOf(3);
    wanted.machines[2]!.publish = [{ listen: `127.0.0.1:${PORT + 2}`, port: 22 }];
    wanted.machines[2]!.image = "pgha-t-none";
    const source = { type: "none" };
    await incus.run("POST", "/1.0/instances", { name: machine(3), source, profiles: [], devices: { root: root() } });
    const holder = net.createServer();
    await new Promise<void>((resolve) => holder.listen(PORT + 2, "127.0.0.1", resolve));
    const text = await failedUp(wanted);
    await new Promise((resolve) => holder.close(resolve));
    await removeInstance(incus, machine(3));
    assert.match(text, /pgha-t-m3 exists that pgha did not make/);
    assert.match(text, new RegExp(`port ${PORT + 2} of 127.0.0.1 is already in use`));
    assert.match(text, /no image pgha-t-none: run `npm run setup`/);
    assert.ok(!/^\s+at .*:\d+\)?$/m.test(text), `a stack trace: ${text}`);
  });

  it("finishes what a killed run began", async () => {
    await breakOff(settingsOf(3), machine(3));
    assert.match(await up(settingsOf(3)), /\+ 1 created/);
    assert.match(await greeting("10.88.77.13", 22), /^SSH-2\.0-/);
  });

  it("removes machines, and moves the others to another block", async () => {
    const before = { ...incarnation };
    assert.equal(await up(settings), "- 1 deleted, 4 unchanged");
    assert.deepEqual(await ours(), [machine(1), machine(2)]);
    assert.equal(await up(settingsOf(1, "10.88.78")), "+-2 replaced, 1 unchanged");
    assert.deepEqual(await ours(), [machine(1)]);
    assert.match(await greeting("10.88.78.11", 22), /^SSH-2\.0-/);
    assert.match(await greeting("127.0.0.1", PORT), /^SSH-2\.0-/);
    assert.notEqual(incarnation[machine(1)], before[machine(1)]);
  });

  it("leaves nothing after destroy, also of a killed run", async () => {
    await breakOff(settingsOf(2, "10.88.78"), machine(2));
    const started = Date.now();
    const { code, text } = await run("destroy", "--yes", "--skip-preview");
    assert.equal(code, 0, text);
    console.log(`      destroy: ${Date.now() - started} ms`);
    assert.deepEqual(await ours(), []);
    assert.equal(await incus.find(`/1.0/networks/${NETWORK}`), undefined);
  });
});

const root = () => ({ type: "disk", path: "/", pool: "pgha" });

const alive = (pid: number) => fs.existsSync(`/proc/${pid}`);

/** All processes below `parent`, of any depth. */
function descendants(parent: number): { pid: number; command: string }[] {
  const pids = fs.readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  const children = pids.flatMap((pid) => {
    try {
      const [, ppid] = /\) \S (\d+)/.exec(fs.readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
      if (Number(ppid) !== parent) return [];
      return [{ pid: Number(pid), command: fs.readFileSync(`/proc/${pid}/cmdline`, "latin1") }];
    } catch {
      return []; // It ended meanwhile.
    }
  });
  return children.flatMap((child) => [child, ...descendants(child.pid)]);
}

/** The first line that a server sends. */
function greeting(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, timeout: 5000 });
    socket.once("error", reject);
    socket.once("timeout", () => socket.destroy(new Error(`no greeting from ${host}:${port}`)));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString("latin1"));
    });
  });
}

async function hostKeys(address: string): Promise<string> {
  const child = spawn("ssh-keyscan", ["-t", "ed25519", address], { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (data) => (text += data));
  await new Promise((resolve) => child.on("close", resolve));
  return text;
}
