/** Crowds at the doors of a cluster (crowd.py), from one of its machines or from a stranger's address beside them. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { addressAt, parseCidr } from "../../../settings/cidr";
import { until } from "../../../simulator/stack";

const program = readFileSync(join(__dirname, "crowd.py"), "utf8");

export type CrowdKind = "idle" | "half" | "headers" | "clients";

export interface Door {
  kind: CrowdKind;
  count: number;
  host: string;
  port: number;
  /** Node from whose machine they come. @default none of the cluster's: another address of this host in its network */
  from?: string;
  /** Whose name they give. @default "app" */
  user?: string;
  /** Of `clients`. */
  password?: string;
  /** They speak TLS first, with the certificate of the machine they come from if it is one of the cluster's. @default false */
  tls?: boolean;
}

/** What became of a crowd so far. */
export interface Standing {
  open: number;
  most: number;
  connected: number;
  refused: number;
  closed: number;
  /** What the last one that did not get in, or was shown out, was told. */
  said: string;
}

/** Where strangers come from: an address of the cluster's network that none of its machines has. */
const strangerIndex = 200;

/** The stranger's address, which this host gets in the network of a cluster. It goes with the network. */
export function strangerAddress(cidr: string): string {
  return addressAt(parseCidr(cidr)!, strangerIndex);
}

/** A crowd, sent as it is made. */
export class Crowd {
  standing: Standing = { open: 0, most: 0, connected: 0, refused: 0, closed: 0, said: "" };
  private said = "";
  private readonly child;
  private readonly ended: Promise<void>;

  /**
   * @param cluster prefix of the names of its machines
   * @param stranger address of those who come from none of them
   */
  constructor(cluster: string, stranger: string, door: Door) {
    const { kind, host, port, count, from, user, tls, password } = door;
    const certificate = ["--cert", "/etc/pgha/tls/node.crt", "--key", "/etc/pgha/tls/node.key"];
    const args = [
      ...["-c", program, kind, host, String(port), String(count)],
      ...(user ? ["--user", user] : []),
      ...(tls ? ["--tls"] : []),
      ...(from ? (tls ? certificate : []) : ["--source", stranger]),
    ];
    this.child = from
      ? spawn("incus", ["exec", `${cluster}-${from}`, "--", "python3", ...args])
      : spawn("python3", args);
    if (password) this.child.stdin.write(`${password}\n`);
    this.child.stdin.on("error", () => undefined);
    this.child.stderr.on("data", (data: Buffer) => (this.said += data.toString()));
    let rest = "";
    this.child.stdout.on("data", (data: Buffer) => {
      const lines = (rest + data.toString()).split("\n");
      rest = lines.pop()!;
      if (lines.length > 0) this.standing = JSON.parse(lines.at(-1)!) as Standing;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code) =>
        code === 0 ? resolve() : reject(new Error(`the crowd ended with ${code}: ${this.said.slice(-1000)}`)),
      );
    });
    this.ended.catch(() => undefined); // who ends it is told
  }

  /** Waits until all are in or no more get in. */
  async stands(): Promise<void> {
    let [before, since] = [-1, Date.now()];
    await until("a crowd to stand", 60, async () => {
      if (this.child.exitCode !== null) await this.ended;
      const { connected, refused, most } = this.standing;
      if (most !== before) [before, since] = [most, Date.now()];
      return connected + refused > 0 && Date.now() - since > 3000;
    });
  }

  /** Sends them home. */
  async end(): Promise<Standing> {
    this.child.stdin.end();
    await this.ended;
    return this.standing;
  }
}
