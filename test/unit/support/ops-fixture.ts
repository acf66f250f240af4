import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeOutput } from "../../../components/outputs";
import type { Role } from "../../../settings/roles";
import { clocks } from "../../../settings/clocks";
import type { Reached } from "../../../ops/ask";
import type { Cluster, StackOutputs } from "../../../ops/cluster";
import type { NodeResult, Runner } from "../../../ops/ssh";

const node = (role: Role, index: number, first: number): NodeOutput => ({
  name: `${role}${index}`,
  role,
  address: `10.88.0.${first + index}`,
  hostKey: `ssh-ed25519 AAAA${role}${index}`,
  files: { [`/etc/${role}.conf`]: "0".repeat(64) },
});

/** Outputs of a made-up cluster of the default size. */
export function fakeOutputs(): StackOutputs {
  const nodes = [1, 2, 3]
    .flatMap((n) => [node("etcd", n, 10), node("postgresql", n, 20)])
    .concat([1, 2].map((n) => node("haproxy", n, 30)));
  const url = (user: string, port: number) =>
    `postgresql://${user}:s3cret${user}@127.0.0.1:${port}/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-dev.crt`;
  return {
    writeUrl: url("app", 5500),
    readUrl: url("app", 5501),
    pooledUrl: url("app", 6432),
    pooledReadUrl: url("app", 6532),
    ownerUrl: url("app_owner", 5500),
    dsn: "postgresql://app:s3cretapp@127.0.0.1:6432,127.0.0.1:6433/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-dev.crt&target_session_attrs=read-write",
    readDsn:
      "postgresql://app:s3cretapp@127.0.0.1:5501,127.0.0.1:5503/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-dev.crt&target_session_attrs=any&connect_timeout=2",
    pooledReadDsn:
      "postgresql://app:s3cretapp@127.0.0.1:6532,127.0.0.1:6533/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-dev.crt&target_session_attrs=any&connect_timeout=2",
    statsUrls: ["https://127.0.0.1:7500/", "https://127.0.0.1:7501/"],
    statsPassword: "s3cretstats",
    caCertificate: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    cluster: {
      name: "pgha-dev",
      driver: "incus",
      database: { name: "app", owner: "app_owner", user: "app" },
      databases: [{ name: "app", owner: "app_owner", roles: ["app_owner", "app"] }],
      clock: clocks.fast,
      poolers: { pooled: 1, pooledRead: 2 },
      synchronous: "quorum",
      maxReplicaLag: 16,
      nodes,
      proxies: [0, 1].map((n) => ({
        name: `haproxy${n + 1}`,
        host: "127.0.0.1",
        ports: { write: 5500 + 2 * n, read: 5501 + 2 * n, stats: 7500 + n, pooled: 6432 + n, pooledRead: 6532 + n },
      })),
    },
    ssh: {
      user: "pgha",
      privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\ns3cretkey\n-----END OPENSSH PRIVATE KEY-----",
    },
  };
}

/** A made-up cluster with a working folder of its own, removed after each test. */
export function fakeCluster(): Cluster {
  const { cluster: facts, ...outputs } = fakeOutputs();
  const folder = join(mkdtempSync(join(tmpdir(), "pgha-ops-")), "dev");
  folders.push(join(folder, ".."));
  return { stack: "dev", facts, outputs, nodes: facts.nodes, folder };
}

/** The same, reached through a bastion. */
export function behindBastion(): Cluster {
  const cluster = fakeCluster();
  cluster.facts.bastion = {
    host: "203.0.113.7",
    port: 2222,
    user: "jump",
    hostKey: "ssh-ed25519 AAAAbastion",
  };
  return cluster;
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** What a fake node answers to a script: text (exit code 0), or a whole result. */
export type Answer = string | Partial<NodeResult>;

/** A runner that knows its answers and notes what it was asked. A question it has no answer to fails the test. */
export class FakeRunner implements Runner {
  readonly asked: { node: string; script: string }[] = [];

  constructor(readonly answer: (node: string, script: string) => Answer | undefined) {}

  async run(name: string, script: string): Promise<NodeResult> {
    this.asked.push({ node: name, script });
    const answer = this.answer(name, script);
    if (answer === undefined) throw new Error(`nobody expected this question to ${name}: ${script}`);
    return { code: 0, stdout: "", stderr: "", ...(typeof answer === "string" ? { stdout: answer } : answer) };
  }
}

export const unreachable: Answer = { code: 255, unreachable: "connect to host timed out" };

/** A cluster with a runner. */
export const fakeReached = (
  answer: (node: string, script: string) => Answer | undefined,
): Reached & { runner: FakeRunner } => ({
  cluster: fakeCluster(),
  runner: new FakeRunner(answer),
});
