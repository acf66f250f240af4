// How the `connection` of a remote command is dialled, checked and retried.
import { createPrivateKey } from "node:crypto";
import { connect as connectSocket, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Client, utils, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import { hasOpenssh, opensshPrivateKey } from "../lib/openssh";
import type { Context } from "../lib/plugin";
import type { Connection, Host } from "./inputs";

/** Dials until it works, as often as the connection allows; the caller ends the client. */
export async function dial(connection: Connection, context: Context): Promise<Client> {
  const { proxy } = connection;
  const config = clientConfig(connection);
  if (!proxy) {
    return withRetry("Dial", connection, context, async () =>
      handshake(await tcpSocket(connection, context), config, connection, context),
    );
  }
  const proxyConfig = clientConfig(proxy);
  try {
    const bastion = await withRetry("Dial proxy", proxy, context, async () =>
      handshake(await tcpSocket(proxy, context), proxyConfig, proxy, context),
    );
    try {
      const channel = await withRetry("Dial from proxy", connection, context, () => forwarded(bastion, connection));
      // As the real plugin: it tries again on the same connection, which bears one handshake. So the first that fails is the end.
      let used = false;
      const client = await withRetry("Dial", connection, context, async () => {
        if (used) throw new Error("ssh: handshake failed: EOF");
        used = true;
        return handshake(channel, config, connection, context);
      });
      client.once("close", () => bastion.end());
      return client;
    } catch (error) {
      bastion.end();
      throw error;
    }
  } catch (error) {
    throw new Error(`proxy: ${(error as Error).message}`, { cause: error });
  }
}

/** Tries again after 0.1 s, then 1.5 times longer each time, 5 s at most. */
async function withRetry<T>(what: string, host: Host, context: Context, attempt: () => Promise<T>): Promise<T> {
  const limit = host.dialErrorLimit;
  let pause = 100;
  for (let failed = 1; ; failed++) {
    try {
      context.signal.throwIfAborted();
      return await attempt();
    } catch (error) {
      if (context.signal.aborted) {
        throw new Error(`${abortReason(context)}; last error: ${(error as Error).message}`, { cause: error });
      }
      if (limit > -1 && failed > limit) {
        throw new Error(`after ${limit} failed attempts: ${(error as Error).message}`, { cause: error });
      }
      context.log("info", `${what} ${failed}/${limit === -1 ? "inf" : limit} failed: retrying`, true);
    }
    await delay(pause, undefined, { signal: context.signal }).catch(() => undefined);
    pause = Math.min(pause * 1.5, 5000);
  }
}

export const abortReason = ({ signal }: Context): string =>
  (signal.reason as Error).name === "TimeoutError" ? "context deadline exceeded" : "context canceled";

/** What the real plugin checks before it dials: the keys must parse. */
function clientConfig(host: Host): ConnectConfig {
  const config: ConnectConfig = { username: host.user, readyTimeout: host.perDialTimeout * 1000 };
  if (host.hostKey !== undefined) {
    const [, type, blob] = /(?:^|\s)((?:ssh|ecdsa|sk)-\S+)\s+(\S+)/.exec(host.hostKey) ?? [];
    if (!type || !blob || utils.parseKey(`${type} ${blob}`) instanceof Error) {
      throw new Error("failed to parse host key: connection.hostKey must be a public key in authorized_keys format");
    }
    const expected = Buffer.from(blob, "base64");
    config.algorithms = { serverHostKey: [type as ServerHostKeyAlgorithm] };
    config.hostVerifier = (key: Buffer) => key.equals(expected);
  }
  const methods: NonNullable<Extract<ConnectConfig["authHandler"], unknown[]>> = ["none"];
  if (host.privateKey !== undefined) {
    config.privateKey = privateKey(host.privateKey, host.privateKeyPassword);
    config.passphrase = host.privateKeyPassword;
    methods.push("publickey");
  }
  if (host.password !== undefined) {
    config.password = host.password;
    config.tryKeyboard = true;
    methods.push("password", "keyboard-interactive");
  }
  const agent = host.agentSocketPath ?? process.env.SSH_AUTH_SOCK;
  if (agent) {
    config.agent = agent;
    methods.push("agent");
  }
  config.authHandler = methods;
  return config;
}

/** The key in a form that ssh2 reads: it knows the OpenSSH and the traditional formats, not PKCS#8. */
function privateKey(pem: string, passphrase?: string): string {
  let key = pem;
  if (/-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(pem)) {
    try {
      const parsed = createPrivateKey({ key: pem, passphrase });
      key = hasOpenssh(parsed) ? opensshPrivateKey(parsed) : pem;
    } catch {
      throw new Error("connection.privateKey can't be read: wrong format or privateKeyPassword");
    }
  }
  const parsed = utils.parseKey(key, passphrase);
  if (parsed instanceof Error) {
    throw new Error(`connection.privateKey can't be read: ${parsed.message}`);
  }
  return key;
}

/** A TCP connection to the host. */
function tcpSocket({ host, port, perDialTimeout }: Host, context: Context): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port, noDelay: true });
    const fail = (reason: string): void => {
      context.signal.removeEventListener("abort", abort);
      socket.destroy();
      reject(new Error(`dial tcp ${host.includes(":") ? `[${host}]` : host}:${port}: ${reason}`));
    };
    const abort = (): void => fail(abortReason(context));
    context.signal.addEventListener("abort", abort, { once: true });
    socket.setTimeout(perDialTimeout * 1000, () => fail("i/o timeout"));
    socket.once("error", (error: NodeJS.ErrnoException) => fail(dialError(error)));
    socket.once("connect", () => {
      context.signal.removeEventListener("abort", abort);
      socket.removeAllListeners("error").setTimeout(0).removeAllListeners("timeout");
      resolve(socket);
    });
  });
}

function dialError(error: NodeJS.ErrnoException): string {
  const reasons: Record<string, string> = {
    ECONNREFUSED: "connect: connection refused",
    EHOSTUNREACH: "connect: no route to host",
    ENETUNREACH: "connect: network is unreachable",
    ECONNRESET: "connect: connection reset by peer",
    ENOTFOUND: "no such host",
  };
  return reasons[error.code ?? ""] ?? (error.message || String(error.code));
}

/** A connection to the host through the bastion. */
function forwarded(bastion: Client, { host, port }: Host): Promise<NonNullable<ConnectConfig["sock"]>> {
  return new Promise((resolve, reject) => {
    bastion.forwardOut("127.0.0.1", 0, host, port, (error, channel) => (error ? reject(error) : resolve(channel)));
  });
}

/** An authenticated SSH connection over an open one. */
function handshake(
  sock: NonNullable<ConnectConfig["sock"]>,
  config: ConnectConfig,
  { password = "" }: Host,
  context: Context,
): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    const fail = (reason: string): void => {
      context.signal.removeEventListener("abort", abort);
      client.destroy();
      reject(new Error(`ssh: handshake failed: ${reason}`));
    };
    const abort = (): void => fail(abortReason(context));
    context.signal.addEventListener("abort", abort, { once: true });
    client.on("error", (error) => fail(handshakeError(error, config)));
    client.once("close", () => fail("EOF"));
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) =>
      finish(prompts.map(() => password)),
    );
    client.once("ready", () => {
      context.signal.removeEventListener("abort", abort);
      client.removeAllListeners("close");
      resolve(client);
    });
    client.connect({ ...config, sock });
  });
}

function handshakeError(error: Error & { level?: string }, config: ConnectConfig): string {
  if (error.message.includes("verification failed")) {
    return "ssh: host key mismatch";
  }
  if (error.message.includes("no matching host key format")) {
    return `ssh: no common algorithm for host key; connection.hostKey has ${String(config.algorithms?.serverHostKey)}`;
  }
  if (error.level === "client-authentication") {
    const methods = (config.authHandler as string[]).join(" ");
    return `ssh: unable to authenticate, attempted methods [${methods}], no supported methods remain`;
  }
  return error.message;
}
