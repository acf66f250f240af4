import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { File } from "../../../cloud-init/file";
import { haproxyFiles, haproxySecrets } from "../../../cloud-init/services/haproxy/files";
import { imageAlias } from "../../../components/incus/image";
import type { Plan } from "../../../settings/plan";
import { ports } from "../../../settings/ports";
import { incus, run, until } from "../../../simulator/stack";

/** A client's connection; times are seconds of the machine's monotonic clock. */
export interface ClientState {
  /** The node that served it. */
  node: string | null;
  served: number | null;
  ended: number | null;
}

/** The plan with its database nodes on loopback addresses. */
export const onLoopback = (plan: Plan): Plan => ({
  ...plan,
  postgresql: plan.postgresql.map((node, index) => ({ ...node, address: `127.0.0.${21 + index}` })),
});

/** As Patroni 4.1 puts it (api.py, get_postgresql_status): the standbys have states of their own in it. */
export const primary = (timeline = 1, state = "running") => ({
  replication: [{ application_name: "postgresql2", state: "streaming", sync_state: "quorum" }],
  state,
  role: "primary",
  timeline,
});
export const replica = { state: "running", role: "replica", timeline: 1 };
/** Where clients of other machines come in. */
const door = "127.0.0.9";

/** What only the fake Patroni knows: it is further behind than is asked for. */
export const lagging = { ...replica, lags: true };
/** The status of a node that does not lead. */
export const refused = 503;

/**
 * The machine image with the real HAProxy, the rendered configuration, and everything around it played by
 * `haproxy-stage.py`. The plan's database nodes have loopback addresses; the machine has no network.
 */
export class HaproxyStage {
  private actor: ChildProcess | undefined;
  private readonly answers = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private said = "";

  /** @param further files beside HAProxy's own. @default none */
  constructor(
    private readonly machine: string,
    private readonly plan: Plan,
    private readonly further: File[] = [],
  ) {}

  /** Makes the machine, its certificates and its actors. HAProxy does not run yet. */
  async start(): Promise<void> {
    await this.remove(); // of a test that was killed
    await incus("launch", imageAlias(), this.machine, "--no-profiles", "--storage", "pgha");
    await until("the machine to boot", 30, async () => {
      const { code } = await this.exec("systemctl list-units >/dev/null && systemctl stop haproxy");
      return code === 0;
    });
    await this.install();
    this.actor = spawn("incus", ["exec", this.machine, "--", "python3", "-u", "-c", readActor()], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.actor.stderr!.on("data", (text) => (this.said += text));
    this.actor.on("close", () => this.fail());
    createInterface({ input: this.actor.stdout! }).on("line", (line) => this.hear(line));
    for (const { name, address } of this.plan.postgresql) await this.do("node", name, address);
  }

  /** Has a command of `haproxy-stage.py` done. @throws what went wrong there */
  do<T>(name: string, ...args: unknown[]): Promise<T> {
    const number = this.count++;
    return new Promise<T>((resolve, reject) => {
      this.answers.set(number, { resolve, reject });
      this.actor!.stdin!.write(`${JSON.stringify([number, name, ...args])}\n`);
    });
  }
  private count = 0;

  /** Connects a client. @param from its address. @default one that no other has @returns its name */
  async connect(port: number = ports.write, from?: string): Promise<string> {
    const number = ++this.clients;
    const name = `client${number}`;
    const source = from ?? `127.1.${number >> 8}.${number & 255}`;
    await this.do("connect", name, port, 1, door, false, source);
    return name;
  }
  private clients = 0;
  readonly state = async (name: string) => (await this.do<ClientState[]>("states", name))[0]!;
  /** What has become of a client once it is served or has ended; null: it has not, after so many seconds. */
  readonly wait = (name: string, what: "served" | "ended", seconds: number) =>
    this.do<ClientState | null>("wait", name, what, seconds);
  /** Has a node's Patroni answer so. @returns when */
  readonly says = (node: string, status: number, body: object) => this.do<number>("says", node, status, body);
  readonly run = (command: string) => this.do<string>("run", command);

  async remove(): Promise<void> {
    const actor = this.actor;
    this.actor = undefined;
    if (actor?.exitCode === null) {
      const ended = new Promise((resolve) => actor.on("close", resolve));
      actor.stdin!.end();
      await ended;
    }
    await run("incus", ["delete", "--force", this.machine]);
  }

  private exec(script: string) {
    return run("incus", ["exec", this.machine, "--", "bash", "-s"], { input: script, timeout: 60_000 });
  }

  private async install(): Promise<void> {
    const files = [...haproxyFiles(this.plan), haproxySecrets("secret"), ...this.further];
    const put = ({ path, owner, mode, content }: File) =>
      `install -D -o ${owner.replace(":", " -g ")} -m ${mode} <(base64 -d <<<${Buffer.from(content).toString("base64")}) ${path}`;
    const names = this.plan.postgresql.map(({ name }) => name).join(" ");
    const { code, stderr } = await this.exec(`set -euo pipefail
      install -d /etc/pgha/tls && cd /etc/pgha/tls
      request=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1)
      "\${request[@]}" -subj /CN=test -keyout ca.key -out ca.crt 2>/dev/null
      openssl ecparam -name prime256v1 -genkey -noout -out node.key
      chgrp haproxy node.key && chmod 0640 node.key
      for name in server ${names}; do
        openssl req -x509 -CA ca.crt -CAkey ca.key -key node.key -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
          -addext basicConstraints=critical,CA:FALSE -days 1 -out "$name.crt"
      done
      ${files.map(put).join("\n")}
      haproxy -c -q -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/secrets.cfg >&2
      systemctl daemon-reload`);
    if (code !== 0) throw new Error(stderr);
  }

  private hear(line: string): void {
    const { number, result, error } = JSON.parse(line) as { number: number; result: never; error?: string };
    const waiting = this.answers.get(number);
    this.answers.delete(number);
    if (error) waiting?.reject(new Error(error));
    else waiting?.resolve(result);
  }

  /** The actors ended: nobody will answer any more. */
  private fail(): void {
    for (const { reject } of this.answers.values()) reject(new Error(`the stage is closed: ${this.said}`));
    this.answers.clear();
  }
}

const readActor = () => readFileSync(join(__dirname, "haproxy-stage.py"), "utf8");
