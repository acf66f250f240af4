// For tests: keys, and an SSH server on the loopback interface that runs each command by /bin/sh.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type AddressInfo } from "node:net";
import { Server, utils, type Connection } from "ssh2";

export interface Sshd {
  port: number;
  /** Connections that were authenticated so far. */
  logins(): number;
  /** Ends those that are open, too. */
  close(): Promise<void>;
}

/** In OpenSSH's formats. */
export interface SshKey {
  privateKey: string;
  publicKey: string;
}

/** An Ed25519 key, kept in `file` too. By ssh-keygen: one in 300 that ssh2 makes is malformed. */
export function makeSshKey(file: string): SshKey {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
  return { privateKey: readFileSync(file, "utf8"), publicKey: readFileSync(`${file}.pub`, "utf8").trim() };
}

/**
 * @param hostKey private key in OpenSSH format
 * @param authorized public key that may log in, in authorized_keys format
 * @param accepted environment variables that are taken, as by AcceptEnv
 */
export async function startSshd(hostKey: string, authorized: string, accepted: string[], port = 0): Promise<Sshd> {
  const allowed = utils.parseKey(authorized);
  if (allowed instanceof Error) {
    throw allowed;
  }
  let logins = 0;
  const clients = new Set<Connection>();
  const server = new Server({ hostKeys: [hostKey] }, (client) => {
    clients.add(client);
    client.on("close", () => clients.delete(client));
    (client as unknown as { setNoDelay(): void }).setNoDelay(); // missing from @types/ssh2
    client.on("error", () => undefined);
    client.on("authentication", (context) => {
      const known = context.method === "publickey" && context.key.data.equals(allowed.getPublicSSH());
      const valid =
        known && (!context.signature || allowed.verify(context.blob!, context.signature, context.hashAlgo) === true);
      if (valid) context.accept();
      else context.reject(["publickey"]);
    });
    client.on("ready", () => logins++);
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      const socket = connect(destPort, destIP);
      socket.once("connect", () => {
        const channel = accept();
        channel.pipe(socket).pipe(channel);
      });
      socket.once("error", () => reject());
    });
    client.on("session", (acceptSession) => {
      const env: Record<string, string> = {};
      const session = acceptSession();
      session.on("env", (accept, reject, { key, val }) => {
        if (!accepted.includes(key)) return void reject?.();
        env[key] = val;
        accept?.();
      });
      session.on("exec", (accept, _reject, { command }) => {
        const channel = accept();
        const child = spawn("/bin/sh", ["-c", command], { env: { PATH: process.env.PATH, ...env } });
        channel.pipe(child.stdin).on("error", () => undefined);
        child.stdout.pipe(channel, { end: false });
        child.stderr.pipe(channel.stderr, { end: false });
        child.on("close", (code, signal) => {
          if (signal) channel.exit(signal.slice(3));
          else channel.exit(code ?? 255);
          channel.end();
        });
        channel.on("close", () => child.kill("SIGKILL"));
      });
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    logins: () => logins,
    close: async () => {
      server.close();
      for (const client of clients) client.end();
    },
  };
}
