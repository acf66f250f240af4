/** moto's server: AWS' interfaces, kept in memory. It comes with `scripts/setup/moto.ts`. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** The images that there are: two of Debian's, as its account publishes them; and one for a processor that pgha does not run on. */
export const images = [
  { ami_id: "ami-0d13000000000a64d", architecture: "x86_64", name: "debian-13-amd64-20260112-2355" },
  { ami_id: "ami-0d13000000000a64e", architecture: "x86_64", name: "debian-13-amd64-20260209-2380" },
  { ami_id: "ami-0d13000000000a12f", architecture: "arm64", name: "debian-13-arm64-20260112-2355" },
].map((image) => ({
  ...image,
  owner_id: "136693071363",
  description: "Debian 13 (20260112-2355)",
  state: "available",
  public: true,
  image_type: "machine",
  image_location: "amazon/debian-13",
  root_device_name: "/dev/xvda",
  root_device_type: "ebs",
  virtualization_type: "hvm",
  hypervisor: "xen",
  sriov: "simple",
  platform: null,
}));

/** Seconds that the server has until it answers. */
const startSeconds = 60;

export interface Moto {
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts moto on a free port of 127.0.0.1.
 * @param server its program (`withMoto` of `scripts/setup/moto.ts`)
 * @param folder for its log and its list of images
 */
export async function startMoto(server: string, folder: string): Promise<Moto> {
  const list = join(folder, "images.json");
  writeFileSync(list, JSON.stringify(images));
  const port = await freePort();
  const log = join(folder, "moto.log");
  const output = openSync(log, "w");
  // setpriv: it ends with this process, even when that is killed.
  const command = ["--pdeathsig", "TERM", server, "--host", "127.0.0.1", "--port", String(port)];
  const child = spawn("setpriv", command, {
    env: { ...process.env, MOTO_AMIS_PATH: list, PYTHONUNBUFFERED: "1" },
    stdio: ["ignore", output, output],
  });
  const url = `http://127.0.0.1:${port}`;
  const ended = once(child, "exit");
  await answers(url, child, log);
  return {
    url,
    async stop() {
      child.kill();
      await ended;
    },
  };
}

async function answers(url: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + startSeconds * 1000;
  for (;;) {
    const up = await fetch(`${url}/moto-api/`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) return;
    if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}; see ${log}`);
    if (Date.now() > deadline) {
      child.kill();
      throw new Error(`moto did not answer within ${startSeconds} s; see ${log}`);
    }
    await pause(100);
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
