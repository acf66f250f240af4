import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheDir } from "../../../ops/env";
import { etcdRelease } from "../../../scripts/setup/versions";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** Where set-up has left etcd's program, if it is on this machine. */
export function etcdProgram(): string | undefined {
  const folder = process.env.PGHA_ETCD_DIR ?? join(cacheDir(), `etcd-${etcdRelease().version}`);
  return [join(folder, "etcd"), "/usr/local/bin/etcd", "/usr/bin/etcd"].find((file) => existsSync(file));
}

/** A member of etcd by itself, on loopback and without TLS. */
export class TestEtcd {
  private constructor(
    private readonly process: ChildProcess,
    /** `host:port`. */
    readonly endpoint: string,
  ) {}

  static async start(program: string, folder: string): Promise<TestEtcd> {
    const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`) as [
      string,
      string,
    ];
    const options = {
      "data-dir": join(folder, "etcd"),
      "listen-client-urls": client,
      "advertise-client-urls": client,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": `default=${peer}`,
      "log-level": "error",
    };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const etcd = new TestEtcd(spawn(program, args, { stdio: "ignore" }), client.slice("http://".length));
    for (let tries = 0; ; tries++) {
      const healthy = await fetch(`${client}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (healthy) return etcd;
      if (tries > 100) throw new Error("etcd does not start");
      await sleep(100);
    }
  }

  stop(): void {
    this.process.kill("SIGKILL");
  }
}

/**
 * A member of its own for the tests of a `describe`, ended after them; they are skipped where etcd's program is missing.
 * @param folder for its data
 */
export function ownEtcd(folder: () => string): () => TestEtcd {
  let etcd: TestEtcd | undefined;
  before(async function () {
    const program = etcdProgram();
    if (!program) return this.skip();
    etcd = await TestEtcd.start(program, folder());
  });
  after(() => etcd?.stop());
  return () => etcd!;
}
