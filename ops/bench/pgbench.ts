import type { NodeOutput } from "../../components/outputs";
import { ports } from "../../settings/ports";
import type { Reached } from "../ask";
import { OpsError } from "../errors";
import { quote } from "../process";
import type { NodeResult } from "../ssh";
import type { Setup } from "./plan";

/** Where the tables are: a schema of their own, so that pgbench_* tables of an application stay as they are. */
const schema = "pgha_bench";
/** Where its files are on the proxy. One name for all runs, so that what a killed one left is found by the next. */
const folder = "/run/pgha-bench";

/** What pgbench measured in one run. */
export interface Measured {
  /** Transactions per second, without the time the connections took. */
  tps: number;
  /** Mean, milliseconds. */
  latency: number;
  failed: number;
}

/** pgbench's own scripts (`--show-script=tpcb-like`, `select-only`), with the schema written out: PgBouncer passes no search_path. */
const scripts = {
  writes: `\\set aid random(1, 100000 * :scale)
\\set bid random(1, 1 * :scale)
\\set tid random(1, 10 * :scale)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE ${schema}.pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM ${schema}.pgbench_accounts WHERE aid = :aid;
UPDATE ${schema}.pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE ${schema}.pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
INSERT INTO ${schema}.pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);
END;
`,
  reads: `\\set aid random(1, 100000 * :scale)
SELECT abalance FROM ${schema}.pgbench_accounts WHERE aid = :aid;
`,
};

/**
 * pgbench on a proxy, as the owner of the database. Its files, the password among them, are in a folder that only root reads;
 * `close` removes it and the tables.
 */
export class Pgbench {
  /** @param scale pgbench's scale factor: 100 000 accounts for each */
  constructor(
    private readonly reached: Reached,
    readonly proxy: NodeOutput,
    private readonly leader: NodeOutput,
    private readonly scale: number,
  ) {}

  /** Makes files and tables. @throws OpsError when that fails */
  async open(): Promise<void> {
    const { username, password } = this.owner();
    await this.must(
      `umask 077 && rm -rf ${folder} && mkdir ${folder} && cat >${folder}/pgpass && ` +
        Object.entries(scripts)
          .map(([name, text]) => `printf %s ${quote(text)} >${folder}/${name}.sql`)
          .join(" && "),
      { stdin: `*:*:*:${username}:${password}\n` },
    );
    await this.must(
      `${this.sql(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`)} && ` +
        `PGOPTIONS='-c search_path=${schema}' ${this.to("haproxy")} pgbench -i -q -s ${this.scale}`,
      { timeout: 60_000 + this.scale * 20_000 },
    );
  }

  /**
   * One run. Each client has a thread of its own: pgbench waits for the answer to PREPARE with the whole thread, and where
   * clients share one, it waits for ever when PgBouncer's connections are with others of the same thread.
   * @throws OpsError with what pgbench said when it fails
   */
  async measure({ work, path, commit, clients }: Setup, seconds: number): Promise<Measured> {
    const script = work === "read-only" ? "reads" : "writes";
    const options = commit === "local" ? "PGOPTIONS='-c synchronous_commit=local' " : "";
    const stdout = await this.must(
      `ulimit -Sn hard; ${options}${this.to(path)} timeout ${seconds + 60} pgbench -n -T ${seconds} -c ${clients} ` +
        `-j ${clients} -M ${work === "simple" ? "simple" : "prepared"} -s ${this.scale} -f ${folder}/${script}.sql`,
      { timeout: (seconds + 70) * 1000 },
    );
    return readPgbench(stdout);
  }

  /** Removes tables and files, as far as they can be reached. */
  async close(): Promise<void> {
    await this.run(`${this.sql(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)}; rm -rf ${folder}`, {
      timeout: 60_000,
    });
  }

  private owner() {
    return new URL(this.reached.cluster.outputs.ownerUrl);
  }

  /** Shell words that say where a program of PostgreSQL's connects to. */
  private to(path: Setup["path"]): string {
    const [host, port] = {
      direct: [this.leader.address, ports.postgresql] as const,
      haproxy: ["127.0.0.1", ports.write] as const,
      pgbouncer: ["127.0.0.1", ports.pooled] as const,
    }[path];
    const { username } = this.owner();
    const { database } = this.reached.cluster.facts;
    return (
      `PGHOST=${host} PGPORT=${port} PGUSER=${quote(username)} PGDATABASE=${quote(database.name)} ` +
      `PGPASSFILE=${folder}/pgpass PGSSLMODE=require PGCONNECT_TIMEOUT=10`
    );
  }

  private sql(text: string): string {
    return `${this.to("haproxy")} psql -XAtq -v ON_ERROR_STOP=1 -c ${quote(text)}`;
  }

  private run(script: string, options: { stdin?: string; timeout?: number }): Promise<NodeResult> {
    return this.reached.runner.run(this.proxy.name, script, options);
  }

  private async must(script: string, options: { stdin?: string; timeout?: number }): Promise<string> {
    const { code, stdout, stderr, unreachable } = await this.run(script, options);
    if (unreachable) throw new OpsError(`${this.proxy.name} is unreachable: ${unreachable}`);
    if (code !== 0) throw new OpsError(`on ${this.proxy.name}: ${whatFailed(stderr) || `exit code ${code}`}`);
    return stdout;
  }
}

/** The line of a program's complaints that says most: its first error. */
function whatFailed(stderr: string): string {
  const lines = stderr.trim().split("\n");
  return lines.find((line) => /error|fatal/i.test(line)) ?? lines.at(-1) ?? "";
}

/** Reads what pgbench 17 prints at its end. @throws OpsError when it is not there */
export function readPgbench(text: string): Measured {
  const figure = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? NaN);
  const measured = {
    tps: figure(/^tps = ([\d.]+) \(without initial connection time\)/m),
    latency: figure(/^latency average = ([\d.]+) ms/m),
    failed: figure(/^number of failed transactions: (\d+)/m),
  };
  if (Object.values(measured).some(Number.isNaN)) throw new OpsError(`pgbench printed no result: ${text.trim()}`);
  return measured;
}
