import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import type { Cluster } from "../../../ops/cluster";
import { OpsError } from "../../../ops/errors";
import { sshRunner, type Runner } from "../../../ops/ssh";
import { formatTunnel, forClients, openTunnel } from "../../../ops/tunnel";
import { makeSshKey, startSshd, type Sshd, type SshKey } from "../../../simulator/plugins/sshd";
import { behindBastion, fakeCluster } from "../support/ops-fixture";
import { temporaryFolder } from "../support/bash";

/** A server that answers each line with its own port and the line, as a proxy's port would. */
async function echo(): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("data", (data) => socket.write(`${(server.address() as AddressInfo).port} ${data.toString()}`));
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function ask(port: number, line: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(line);
  const [data] = (await once(socket, "data")) as [Buffer];
  socket.end();
  return data.toString();
}

describe("through a bastion", function () {
  this.timeout(20_000);
  const folder = temporaryFolder();
  let operator: SshKey;
  let hostKeys: { bastion: SshKey; node: SshKey };
  let bastion: Sshd;
  let node: Sshd;
  let cluster: Cluster;
  const open: Server[] = [];

  before(() => {
    const key = (name: string) => makeSshKey(join(folder(), name));
    operator = key("operator");
    hostKeys = { bastion: key("bastion"), node: key("node") };
  });
  beforeEach(async () => {
    bastion = await startSshd(hostKeys.bastion.privateKey, operator.publicKey, []);
    node = await startSshd(hostKeys.node.privateKey, operator.publicKey, []);
    cluster = behindBastion();
    const hostKey = hostKeys.bastion.publicKey;
    cluster.facts.bastion = { host: "127.0.0.1", port: bastion.port, user: "jump", hostKey };
    cluster.outputs.ssh.privateKey = operator.privateKey;
    for (const each of cluster.nodes) {
      each.address = "127.0.0.1";
      each.hostKey = hostKeys.node.publicKey;
    }
  });
  afterEach(async () => {
    await Promise.all([bastion.close(), node.close()]);
    for (const server of open.splice(0)) server.close();
  });

  /** The runner; its nodes listen on the port of the test's server. */
  function makeRunner(port = node.port): Runner {
    const runner = sshRunner(cluster);
    const config = join(cluster.folder, "config");
    writeFileSync(config, readFileSync(config, "utf8").replaceAll(/^Host (?!bastion|\*).*$/gm, `$&\n  Port ${port}`));
    return runner;
  }

  it("scripts run on all nodes, over one login to it", async () => {
    const runner = makeRunner();
    const results = await Promise.all(cluster.nodes.map(({ name }) => runner.run(name, "true")));
    assert.deepEqual(
      results.map(({ unreachable }) => unreachable),
      cluster.nodes.map(() => undefined),
    );
    assert.equal(bastion.logins(), 1);
    assert.equal(node.logins(), cluster.nodes.length);
  });

  it("a node that is away is told from a bastion that is away or another one", async () => {
    assert.equal((await makeRunner(1).run("etcd1", "true")).unreachable, "the bastion gets no connection to it");
    cluster.facts.bastion!.hostKey = hostKeys.node.publicKey;
    const other = await makeRunner().run("etcd1", "true");
    assert.equal(other.unreachable, "the bastion 127.0.0.1 lets nobody through: its SSH host key is not the stack's");
    cluster.facts.bastion = { ...cluster.facts.bastion!, host: "127.0.0.2", port: 1 };
    const away = await makeRunner().run("etcd1", "true");
    assert.match(away.unreachable!, /^the bastion 127\.0\.0\.2 lets nobody through: .*Connection refused$/);
  });

  it("each port of each proxy has a way of its own", async () => {
    const { proxies } = cluster.facts;
    for (const proxy of proxies) {
      for (const use of ["write", "read", "stats", "pooled", "pooledRead"] as const) {
        const server = await echo();
        open.push(server);
        proxy.ports[use] = (server.address() as AddressInfo).port;
      }
    }
    const near = (await forClients(cluster)).facts.proxies;
    assert.notDeepEqual(near, proxies);
    for (const [index, { name, host, ports }] of near.entries()) {
      assert.deepEqual([name, host], [proxies[index]!.name, "127.0.0.1"]);
      for (const use of ["write", "read", "stats", "pooled", "pooledRead"] as const)
        assert.equal(await ask(ports[use], "hello"), `${proxies[index]!.ports[use]} hello`);
    }
    assert.equal(bastion.logins(), 1);
  });

  it("a connection that nobody answers behind it is closed", async () => {
    cluster.facts.proxies[0]!.ports.write = 1;
    const [proxy] = await openTunnel(cluster);
    const socket = connect(proxy!.ports.write, "127.0.0.1");
    socket.resume();
    await once(socket, "close");
  });

  it("local ports may be chosen, and are refused when they are taken", async () => {
    const taken = await echo();
    open.push(taken);
    const { port } = taken.address() as AddressInfo;
    await assert.rejects(
      openTunnel(cluster, port),
      (error) => error instanceof OpsError && error.message.includes(`port ${port} of 127.0.0.1 is in use`),
    );
  });

  it("a person is told the ports, and commands without a password", async () => {
    const proxies = await openTunnel(cluster);
    const text = formatTunnel(cluster, proxies);
    assert.doesNotMatch(text, /s3cret/);
    assert.match(text, new RegExp(`^haproxy1 +${proxies[0]!.ports.pooled} +${proxies[0]!.ports.write} `, "m"));
    assert.match(text, new RegExp(`psql ".* port='${proxies.map(({ ports }) => ports.write).join()}'.*app_owner`));
  });
});

describe("without a bastion", () => {
  it("clients connect directly, and there is no tunnel to open", async () => {
    const cluster = fakeCluster();
    assert.equal(await forClients(cluster), cluster);
    await assert.rejects(openTunnel(cluster), /stack dev has no bastion/);
  });
});
