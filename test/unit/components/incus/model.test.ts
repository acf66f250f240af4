import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { overlappingRoute, portFault, splitListen, sshAnswers } from "../../../../components/incus/host";
import {
  changeInstance,
  gatewayOf,
  hardwareAddress,
  newInstance,
  observedInstance,
  type IncusInstance,
  type InstanceOutputs,
} from "../../../../components/incus/model";
import { inputs } from "../../support/incus-inputs";

const outputs: InstanceOutputs = { ...inputs, hostKey: { publicKey: inputs.hostKey.publicKey }, incarnation: "u1" };
const asIncusHasIt = (): IncusInstance => {
  const { config, devices } = newInstance(inputs);
  return { status: "Running", type: "container", config: { ...config, "volatile.uuid": "u1" }, devices };
};

describe("incus: model", () => {
  it("gives a machine the same MAC address each time it is made, and no two machines the same", () => {
    const { hwaddr } = newInstance(inputs).devices.eth0!;
    assert.match(hwaddr!, /^02(:[0-9a-f]{2}){5}$/);
    assert.equal(newInstance({ ...inputs, image: "newer" }).devices.eth0!.hwaddr, hwaddr);
    assert.notEqual(newInstance({ ...inputs, name: "other" }).devices.eth0!.hwaddr, hwaddr);
  });

  it("makes an unprivileged instance with fixed address, limits and marks, and no secret", () => {
    const { config, devices, profiles, source } = newInstance(inputs);
    assert.equal(config["security.privileged"], "false");
    assert.equal(config["security.nesting"], "false");
    assert.equal(config["boot.autostart"], "true");
    assert.equal(config["limits.memory"], "512MiB");
    assert.equal(config["limits.processes"], "100");
    assert.equal(config["user.pgha.stack"], "dev");
    const hwaddr = hardwareAddress(inputs);
    assert.deepEqual(devices.eth0, {
      type: "nic",
      name: "eth0",
      network: "net",
      "ipv4.address": "10.88.0.21",
      hwaddr,
      "security.ipv4_filtering": "true",
      "security.mac_filtering": "true",
    });
    assert.deepEqual(devices.root, { type: "disk", path: "/", pool: "pool", size: "4GiB" });
    assert.deepEqual(devices["publish-127.88.0.1:5500"], {
      type: "proxy",
      bind: "host",
      listen: "tcp:127.88.0.1:5500",
      connect: "tcp:10.88.0.21:5000", // prettier-ignore
    });
    assert.deepEqual(profiles, []);
    assert.deepEqual(source, { type: "image", alias: "img" });
    assert.ok(!JSON.stringify(newInstance(inputs)).includes("PRIVATE"));
  });

  it("lets settings of Incus' own win over ours, and ours come back when they go", () => {
    const config = { "limits.memory": "1GiB", "boot.autostart": "false" };
    const special = { ...inputs, config };
    const before = { ...asIncusHasIt(), config: newInstance(special).config };
    assert.equal(before.config["limits.memory"], "1GiB");
    assert.equal(before.config["boot.autostart"], "false");
    const after = changeInstance(before, { ...outputs, config }, inputs);
    assert.equal(after.config["limits.memory"], "512MiB");
    assert.equal(after.config["boot.autostart"], "true");
  });

  it("reads back exactly what was written", () => {
    assert.deepEqual(observedInstance(asIncusHasIt(), outputs), outputs);
  });

  it("sees what was changed outside", () => {
    const instance = asIncusHasIt();
    Object.assign(instance, { status: "Frozen" });
    instance.config["limits.cpu"] = "3";
    instance.config["limits.memory"] = "1GiB";
    delete instance.config["limits.processes"];
    instance.devices["publish-127.0.0.1:1"] = { type: "proxy", listen: "tcp:127.0.0.1:1", connect: "tcp:1.1.1.1:2" };
    delete instance.devices.root!.size;
    const seen = observedInstance(instance, outputs);
    assert.deepEqual(
      [seen.running, seen.cpus, seen.memoryMiB, seen.diskGiB, seen.config],
      [false, 3, 1024, undefined, {}],
    );
    assert.deepEqual(seen.publish, [{ listen: "127.0.0.1:1", port: 2 }, ...inputs.publish]);
  });

  for (const [text, mebibytes] of [
    ["512MiB", 512],
    ["2GiB", 2048],
    ["1048576", 1],
    ["1GB", 1e9 / 2 ** 20],
    ["50%", 0],
    [undefined, 0],
  ] as const) {
    it(`reads a memory limit of ${text} as ${mebibytes} MiB`, () => {
      const instance = asIncusHasIt();
      if (text === undefined) delete instance.config["limits.memory"];
      else instance.config["limits.memory"] = text;
      assert.equal(observedInstance(instance, outputs).memoryMiB, mebibytes);
    });
  }

  it("changes live settings and leaves everything else alone", () => {
    const before = asIncusHasIt();
    before.config["user.theirs"] = "kept";
    before.devices.theirs = { type: "none" };
    const news = { ...inputs, memoryMiB: 700, diskGiB: 6, publish: [], config: {} };
    const after = changeInstance(before, outputs, news);
    assert.equal(after.config["user.theirs"], "kept");
    assert.deepEqual(after.devices.theirs, { type: "none" });
    assert.equal(after.config["limits.memory"], "700MiB");
    assert.equal(after.config["limits.processes"], undefined);
    assert.equal(after.devices.root!.size, "6GiB");
    assert.equal(after.devices["publish-127.88.0.1:5500"], undefined);
    assert.deepEqual(after.devices.eth0, before.devices.eth0);
  });

  it("gives the gateway the first address", () => {
    assert.equal(gatewayOf("10.88.0.0/24"), "10.88.0.1");
    assert.equal(gatewayOf("192.168.7.128/25"), "192.168.7.129");
    assert.throws(() => gatewayOf("10.88.0.0"), /10\.88\.0\.0 is not an IPv4 block/);
  });
});

describe("incus: host", () => {
  const servers: net.Server[] = [];
  const listen = (onConnect: (socket: net.Socket) => void, port = 0) =>
    new Promise<number>((resolve) => {
      const server = net.createServer(onConnect).listen(port, "127.0.0.1", () => {
        resolve((server.address() as net.AddressInfo).port);
      });
      servers.push(server);
    });
  afterEach(() => servers.splice(0).forEach((server) => server.close()));

  it("splits what to listen on", () => {
    assert.deepEqual(splitListen("127.0.0.1:5500"), { host: "127.0.0.1", port: 5500 });
  });

  it("names a port that is taken and the setting to change", async () => {
    const port = await listen(() => undefined);
    const fault = await portFault(`127.0.0.1:${port}`);
    assert.match(fault ?? "", new RegExp(`port ${port} of 127\\.0\\.0\\.1 is already in use.*ss -ltnp.*pgha:ports`));
    await new Promise((resolve) => servers.pop()!.close(resolve));
    assert.equal(await portFault(`127.0.0.1:${port}`), undefined);
    assert.match((await portFault("203.0.113.9:1")) ?? "", /203\.0\.113\.9 is not an address of this machine/);
  });

  it("finds the route that a block overlaps", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "routes-"));
    const table = path.join(folder, "route");
    // 0.0.0.0/0, 10.88.0.0/24 on a bridge, 10.64.0.0/11 on a VPN, 192.168.1.7/32.
    fs.writeFileSync(
      table,
      [
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
        "pgha-dev\t0000580A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
        "tun0\t0000400A\t00000000\t0001\t0\t0\t0\t0000E0FF\t0\t0\t0",
        "eth1\t0701A8C0\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0",
        "",
      ].join("\n"),
    );
    const check = (cidr: string, ...except: string[]) => overlappingRoute(cidr, except, table);
    try {
      assert.deepEqual(await check("10.88.0.0/24"), { interface: "pgha-dev", cidr: "10.88.0.0/24" });
      assert.deepEqual(await check("10.88.0.0/24", "pgha-dev"), { interface: "tun0", cidr: "10.64.0.0/11" });
      assert.deepEqual(await check("10.95.255.0/24"), { interface: "tun0", cidr: "10.64.0.0/11" });
      assert.equal(await check("10.96.0.0/24"), undefined);
      assert.equal(await check("10.63.255.0/24"), undefined);
      assert.deepEqual(await check("192.168.0.0/16"), { interface: "eth1", cidr: "192.168.1.7/32" });
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  it("waits for an SSH greeting, through refusals and silence", async () => {
    const port = await listen(() => undefined);
    servers.pop()!.close();
    const answer = sshAnswers("127.0.0.1", 10, port);
    // The port is refused for a while, then closes at once, then greets.
    let tries = 0;
    await listen((socket) => (++tries < 3 ? socket.destroy() : socket.end("SSH-2.0-test\r\n")), port);
    assert.equal(await answer, true);
    assert.equal(tries, 3);
  });

  it("is not content with a server that speaks something else", async () => {
    const port = await listen((socket) => socket.end("HTTP/1.0 400 Bad Request\r\n"));
    assert.equal(await sshAnswers("127.0.0.1", 0.3, port), false);
  });
});
