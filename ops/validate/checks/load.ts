import { randomUUID } from "node:crypto";
import type { Client } from "pg";
import { messageOf } from "../../errors";
import { clientConfig, open, proxies, tableName } from "./sql";

/** What became of the writes of a load. */
export interface LoadResult {
  /** Ids whose insert was acknowledged, with the time of the acknowledgement. */
  acknowledged: Map<string, number>;
  /** Writes that failed or whose fate is unknown, by message. */
  failed: Map<string, number>;
}

/** Pause of a worker after a write, and after one that failed: what a careful client does. Milliseconds. */
const pace = 5;
const patienceAfterFailure = 100;

const wait = (ms: number) => new Promise((resume) => setTimeout(resume, ms));

/** Clients that write single rows through the pooled ports, one after the other, and carry on after a failure. */
export class WriteLoad {
  readonly result: LoadResult = { acknowledged: new Map(), failed: new Map() };
  private running = true;
  private readonly workers: Promise<void>[];

  constructor(workers = 4) {
    this.workers = Array.from({ length: workers }, (_, index) => this.work(index));
  }

  /** Resolves once this many further writes have been acknowledged; rejects after the deadline. */
  async further(count: number, seconds = 15): Promise<void> {
    const { acknowledged } = this.result;
    const goal = acknowledged.size + count;
    const deadline = Date.now() + seconds * 1000;
    while (acknowledged.size < goal) {
      if (Date.now() > deadline) {
        throw new Error(
          `only ${acknowledged.size} writes went through, ${goal} were awaited within ${seconds} s: ${this.failures()}`,
        );
      }
      await wait(20);
    }
  }

  /** Ends the load and waits for the writes under way. */
  async stop(): Promise<LoadResult> {
    this.running = false;
    await Promise.all(this.workers);
    return this.result;
  }

  private failures(): string {
    return [...this.result.failed].map(([message, count]) => `${count} x ${message}`).join(", ") || "no failures";
  }

  private async work(index: number): Promise<void> {
    const { acknowledged, failed } = this.result;
    let client: Client | undefined;
    for (let turn = index; this.running;) {
      const id = randomUUID();
      try {
        const proxy = proxies()[turn % proxies().length]!;
        client ??= await open(clientConfig({ who: "app", use: "pooled", proxy }, { patience: 20_000 }));
        await client.query(`INSERT INTO ${tableName} (id) VALUES ($1)`, [id]);
        acknowledged.set(id, Date.now());
        await wait(pace);
      } catch (error) {
        failed.set(messageOf(error), (failed.get(messageOf(error)) ?? 0) + 1);
        void client?.end().catch(() => undefined);
        client = undefined;
        turn++; // to the next proxy
        await wait(patienceAfterFailure);
      }
    }
    void client?.end().catch(() => undefined);
  }
}
