/** Clients that copied docs/clients go through faults. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { once } from "../../../docs/clients/node-postgres";
import { clusterPool } from "../../../docs/clients/pool";
import { retry } from "../../../docs/clients/retry";
import type { ClientPort } from "../../../settings/ports";
import { caFile, loadCluster, type Cluster } from "../../../ops/cluster";
import { faults } from "../../../ops/drill/faults";
import { becomesWhole } from "../../../ops/drill/whole";
import { makeWorld } from "../../../ops/drill/world";
import { messageOf } from "../../../ops/errors";
import { sshRunner } from "../../../ops/ssh";
import { checkoutRoot } from "../../../ops/env";
import { query } from "../../../simulator/sql";
import { run } from "../../../simulator/stack";

const examples = join(checkoutRoot, "docs", "clients");

/** What is used here of docs/clients/prisma/client.ts, whose own types exist once Prisma is installed. */
interface Prisma {
  order: { create(what: { data: { number: string } }): Promise<unknown>; count(): Promise<number> };
  $disconnect(): Promise<void>;
}
interface PrismaExample {
  prismaClient(dsn: string, ca: string): Prisma;
  once(prisma: Prisma, id: string, work: (tx: Prisma) => Promise<unknown>): Promise<unknown>;
}

/**
 * Copies the examples to a folder of their own and installs what they need, as a user would. The folder stays: the packages
 * are installed again only when the lock file has changed.
 */
async function installed(): Promise<string> {
  const folder = join(checkoutRoot, ".pgha", "clients");
  const must = async (command: string, ...args: string[]) => {
    const { code, stdout, stderr } = await run(command, args);
    assert.equal(code, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  };
  mkdirSync(folder, { recursive: true });
  cpSync(examples, folder, { recursive: true, preserveTimestamps: true });
  const mark = join(folder, "node_modules", ".package-lock.json"); // npm writes it last
  if (!existsSync(mark) || statSync(mark).mtimeMs < statSync(join(folder, "package-lock.json")).mtimeMs) {
    // Without the install scripts, which download an engine that only Prisma's migrations use.
    await must("npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error");
  }
  // The same engine is wanted by `generate`, which has no use for it either: any program will do.
  const env = ["PRISMA_SCHEMA_ENGINE_BINARY=/bin/true", "CHECKPOINT_DISABLE=1"];
  await must("env", ...env, "npm", "run", "--prefix", folder, "--silent", "generate");
  await must("npm", "run", "--prefix", folder, "--silent", "types");
  return folder;
}

/** A client that does one thing after another, each under an id of its own, and notes what came of it. */
class Worker {
  readonly done: string[] = [];
  readonly failed: string[] = [];
  /** The longest that one of them took since this was last set to 0, milliseconds. */
  longest = 0;

  constructor(
    readonly name: string,
    readonly work: (id: string) => Promise<unknown>,
  ) {}

  async start(signal: AbortSignal): Promise<void> {
    for (let n = 0; !signal.aborted; n++) {
      const id = `${this.name}-${n}`;
      const began = performance.now();
      try {
        await this.work(id);
        this.done.push(id);
      } catch (error) {
        this.failed.push(`${id}: ${messageOf(error)}`);
      }
      this.longest = Math.max(this.longest, performance.now() - began);
      await sleep(20);
    }
  }

  toString(): string {
    return `${this.name}: ${this.done.length} done, ${this.failed.length} failed`;
  }
}

const longest = (workers: Worker[]) => `${(Math.max(...workers.map((worker) => worker.longest)) / 1000).toFixed(2)} s`;

/** A URL that names every proxy. */
function everyProxy({ facts, outputs }: Cluster, port: ClientPort): string {
  const hosts = facts.proxies.map(({ host, ports }) => `${host}:${ports[port]}`);
  return outputs.dsn.replace(/@[^/]+\//, `@${hosts.join(",")}/`);
}

/** The files that libpq reads, as docs/clients.md has them made. @returns the environment that names them */
function libpqFiles(folder: string, cluster: Cluster): string[] {
  const [service, passwords] = [join(folder, "pg_service.conf"), join(folder, "pgpass")];
  const { hostname, password } = new URL(cluster.outputs.pooledUrl);
  const ports = cluster.facts.proxies.map((proxy) => proxy.ports.pooled);
  const text = readFileSync(join(examples, "pg_service.conf"), "utf8")
    .replace(/^host=.*/m, `host=${ports.map(() => hostname).join(",")}`)
    .replace(/^port=.*/m, `port=${ports.join(",")}`);
  writeFileSync(service, text);
  writeFileSync(passwords, `*:*:app:app:${password}\n`, { mode: 0o600 });
  return ["PGSERVICE=app", `PGSERVICEFILE=${service}`, `PGPASSFILE=${passwords}`, `PGSSLROOTCERT=${caFile(cluster)}`];
}

/**
 * Every example writes and reads while the leader is switched over and then killed. No error may reach a caller, and what was
 * asked for must exist once.
 */
export async function clientsRideThrough(stack: string): Promise<void> {
  const cluster = await loadCluster(stack);
  const reached = { cluster, runner: sshRunner(cluster) };
  const world = makeWorld(reached, Math.random);
  const { caCertificate } = cluster.outputs;
  const example = (await import(join(await installed(), "prisma", "client.ts"))) as PrismaExample;
  const scratch = mkdtempSync(join(checkoutRoot, ".pgha", "libpq-"));

  await query(cluster, "ownerUrl", readFileSync(join(examples, "requests.sql"), "utf8"));
  await query(cluster, "ownerUrl", "CREATE TABLE orders (id serial PRIMARY KEY, number text NOT NULL)");

  const [pooled, reads] = [everyProxy(cluster, "pooled"), everyProxy(cluster, "read")];
  const pools = { write: clusterPool(pooled, caCertificate), read: clusterPool(reads, caCertificate) };
  const prisma = {
    write: example.prismaClient(pooled, caCertificate),
    read: example.prismaClient(reads, caCertificate),
  };
  const libpq = libpqFiles(scratch, cluster);

  const writers = [
    ...["node-postgres-1", "node-postgres-2", "node-postgres-3"].map(
      (name) =>
        new Worker(name, (id) =>
          once(pools.write, id, (client) => client.query("INSERT INTO orders (number) VALUES ($1)", [id])),
        ),
    ),
    ...["prisma-1", "prisma-2", "prisma-3"].map(
      (name) =>
        new Worker(name, (id) => example.once(prisma.write, id, (tx) => tx.order.create({ data: { number: id } }))),
    ),
    new Worker("psql", async (id) => {
      const file = join(scratch, `${id}.sql`);
      writeFileSync(file, `INSERT INTO orders (number) VALUES ('${id}');\n`);
      const { code, stderr } = await run("env", [...libpq, join(examples, "once.sh"), id, file]);
      if (code !== 0) throw new Error(stderr);
    }),
  ];
  const readers = [
    new Worker("node-postgres reads", () => retry(() => pools.read.query("SELECT count(*) FROM orders"))),
    new Worker("Prisma reads", () => retry(() => prisma.read.order.count())),
  ];
  const workers = [...writers, ...readers];

  const whole = async (when: string) => {
    const { seconds, complaints } = await becomesWhole(reached, { timeout: 60, loaded: true });
    assert.notEqual(seconds, null, `not whole ${when}: ${complaints.join("; ")}`);
  };

  const stop = new AbortController();
  const running = workers.map((worker) => worker.start(stop.signal));
  try {
    await whole("before");
    for (const name of ["switchover", "kill-postmaster"]) {
      await sleep(1000);
      const before = workers.map(({ done }) => done.length);
      for (const worker of workers) worker.longest = 0;
      await faults.find((fault) => fault.name === name)!.inject(world);
      await whole(`after ${name}`);
      await sleep(1000);
      console.log(`      ${name}: the longest write took ${longest(writers)}, the longest read ${longest(readers)}`);
      const stalled = workers.filter(({ done }, index) => done.length < before[index]! + 3);
      assert.deepEqual(stalled.map(String), [], `still stalled after ${name}`);
    }
    // As after a broken commit that was done.
    await Promise.all(writers.map(({ work, done }) => work(done[0]!)));
  } finally {
    stop.abort();
    await Promise.all(running);
    await Promise.all([pools.write.end(), pools.read.end(), prisma.write.$disconnect(), prisma.read.$disconnect()]);
    rmSync(scratch, { recursive: true, force: true });
  }

  for (const worker of workers) console.log(`      ${worker.toString()}`);
  const [again] = await query(cluster, "writeUrl", "SELECT count(*)::int AS n FROM requests WHERE tries > 1");
  assert.ok(Number(again!.n) >= writers.length, "what was asked for again was counted");
  assert.deepEqual(
    workers.flatMap(({ failed }) => failed),
    [],
  );
  const rows = await query(cluster, "writeUrl", "SELECT number FROM orders");
  assert.deepEqual(
    rows.map(({ number }) => String(number)).sort(),
    writers.flatMap(({ done }) => done).sort(),
    "every order once",
  );
  await query(cluster, "ownerUrl", "DROP TABLE orders, requests");
}
