/** What the driver asks of the machine it runs on, rather than of Incus. */
import * as fs from "node:fs/promises";
import * as net from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { addressAt, parseCidr } from "../../settings/cidr";

/** Splits "127.0.0.1:5500". */
export function splitListen(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(":");
  return { host: listen.slice(0, colon), port: Number(listen.slice(colon + 1)) };
}

/** Why nothing can listen at `listen` ("127.0.0.1:5500"), or undefined when something can. */
export function portFault(listen: string): Promise<string | undefined> {
  const { host, port } = splitListen(listen);
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", ({ code, message }: NodeJS.ErrnoException) => {
      if (code === "EADDRINUSE") {
        resolve(
          `port ${port} of ${host} is already in use on this machine. Find its user with \`ss -ltnp sport = :${port}\` ` +
            "and stop it, or choose another port under `pgha:ports`",
        );
      } else if (code === "EADDRNOTAVAIL") {
        resolve(`${host} is not an address of this machine, so port ${port} can't be offered there`);
      } else {
        // Below 1024 only root may listen: Incus may, even where this process may not.
        resolve(code === "EACCES" ? undefined : `port ${port} of ${host} can't be used: ${message}`);
      }
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** The first route of this machine that shares addresses with `cidr`, other than those of the interfaces `except`. */
export async function overlappingRoute(cidr: string, except: string[], table = "/proc/net/route") {
  const wanted = parseCidr(cidr)!;
  const rows = (await fs.readFile(table, "utf8")).split("\n").slice(1);
  for (const row of rows) {
    const [name = "", destination = "", , , , , , mask = ""] = row.trim().split(/\s+/);
    if (!destination || except.includes(name) || mask === "00000000") continue;
    const base = Buffer.from(destination, "hex").readUInt32LE();
    const size = 2 ** 32 - Buffer.from(mask, "hex").readUInt32LE();
    if (base < wanted.base + 2 ** (32 - wanted.bits) && wanted.base < base + size) {
      const bits = 32 - Math.log2(size);
      return { interface: name, cidr: `${addressAt({ base, bits }, 0)}/${bits}` };
    }
  }
  return undefined;
}

/**
 * Waits until an SSH server greets at `address`.
 * @returns false when none did within `seconds`.
 */
export async function sshAnswers(address: string, seconds: number, port = 22): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    if (await greets(address, port)) return true;
    await pause(50);
  }
  return false;
}

/** One try. It is short: what is sent before the machine has its address, the kernel repeats only a second later. */
function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(100, () => end(false));
    socket.once("connect", () => socket.setTimeout(2000));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
    socket.once("data", (data) => end(data.toString("latin1").startsWith("SSH-")));
  });
}
