import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { Reached } from "../ask";
import { messageOf, OpsError } from "../errors";
import { PathClient, type Trouble } from "./client";
import { asOwner, clientConfig } from "./connect";
import { Ledger, type Range, type WritePath } from "./ledger";
import type { Path, Slice, Verification } from "./model";
import { OpenLoop, patience, type Worker } from "./open-loop";
import { readBack } from "./read-back";
import { HighWater, readSql } from "./reads";
import { type Live, Recorder } from "./recorder";
import { dropTable, insertSql, makeTable, newTable, sweepTables } from "./run-table";
import { judge } from "./verify";

/** A path that gets load. */
export interface LoadPath {
  path: Path;
  /** Operations a second, 1000 at most. */
  rate: number;
  /** Connections, 100 at most. */
  clients: number;
}

/** Pause between two looks at what is due, and resolution of the event loop's delay, milliseconds. */
const tick = 5;
/** How long the first connections of a load may take, and the removal of its table, milliseconds. */
const openLimit = 15_000;

/** What runs between `start` and `stop`. */
interface Running {
  /** Its beginning on the clock of `performance.now()`. */
  start: number;
  loops: OpenLoop[];
  timer: NodeJS.Timeout;
  delay: ReturnType<typeof monitorEventLoopDelay>;
}

/** Writes and reads at fixed rates, with a ledger of what became of each write. */
export class Load {
  private readonly ledger = new Ledger();
  private readonly highWater = new HighWater();
  private readonly clients = new Map<Path, PathClient[]>();
  private recorders = new Map<Path, Recorder>();
  private running?: Running;
  /** Of the slice that runs, or ran last. */
  private range: Range = { from: 0, to: 0 };
  /** Its beginning, ms since the epoch. */
  private startedAt = 0;

  private constructor(
    private readonly reached: Reached,
    private readonly paths: LoadPath[],
    private readonly table: string,
  ) {
    const { cluster } = reached;
    const { proxies } = cluster.facts;
    for (const { path, clients } of paths) {
      const doors = proxies.map((proxy) => clientConfig(cluster, { who: "app", path, proxy }, patience));
      const tell = (trouble: Trouble) => this.recorders.get(path)?.trouble(performance.now(), trouble.refused, trouble);
      this.clients.set(
        path,
        Array.from({ length: clients }, (_, index) => new PathClient(doors, index, tell)),
      );
    }
  }

  /**
   * Makes the table of a run, clears away those of interrupted runs, and opens the connections.
   * @throws OpsError when the cluster cannot be reached on every path, or an option does not fit
   */
  static async open(reached: Reached, options: { paths: LoadPath[] }): Promise<Load> {
    check(options.paths);
    const load = new Load(reached, options.paths, newTable("load"));
    try {
      await asOwner(reached.cluster, sweepTables);
      await asOwner(reached.cluster, (client) => makeTable(client, load.table));
    } catch (error) {
      throw new OpsError(`the table of the load could not be made: ${messageOf(error)}; \`pgha status\` may show why`);
    }
    for (const [path, clients] of load.clients) {
      const deadline = performance.now() + openLimit;
      const ready = await Promise.all(clients.map((client) => client.warmUp(deadline)));
      if (ready.every(Boolean)) continue;
      await load.close().catch(() => undefined); // then a later load clears its table away
      throw new OpsError(`not all clients could connect on the path '${path}'; \`pgha status\` may show why`);
    }
    return load;
  }

  /** Begins a slice. */
  start(): void {
    if (this.running) throw new Error("the load runs already");
    const start = performance.now();
    this.startedAt = Date.now();
    this.range = { from: this.ledger.size, to: this.ledger.size };
    this.highWater.startSlice();
    this.recorders = new Map(this.paths.map(({ path }) => [path, new Recorder(path, start)]));
    const loops = this.paths.map(
      ({ path, rate }) => new OpenLoop(rate, this.workers(path), this.recorders.get(path)!, start),
    );
    const delay = monitorEventLoopDelay({ resolution: tick });
    delay.enable();
    const timer = setInterval(() => loops.forEach((loop) => loop.release()), tick);
    this.running = { start, loops, timer, delay };
  }

  /** Ends a slice: nothing more falls due, and all that was due ends, which takes twice the patience at most. */
  async stop(): Promise<Slice> {
    if (!this.running) throw new Error("the load does not run");
    const { start, loops, timer, delay } = this.running;
    const seconds = Math.round(performance.now() - start) / 1000;
    clearInterval(timer);
    await Promise.all(loops.map((loop) => loop.stop()));
    delay.disable();
    this.running = undefined;
    this.range.to = this.ledger.size;
    const now = performance.now();
    return {
      startedAt: this.startedAt,
      seconds,
      paths: [...this.recorders.values()].map((recorder) => recorder.result(now)),
      eventLoopDelay: Math.max(0, Math.round(delay.max / 1e6 - tick)),
    };
  }

  /** Counters of the slice that runs, or ran last; cheap. */
  snapshot(): Live[] {
    const now = performance.now();
    return [...this.recorders.values()].map((recorder) => recorder.live(now));
  }

  /** Writes go through, on every path that writes. */
  flowing(): boolean {
    const now = performance.now();
    return [...this.recorders].every(([path, recorder]) => path === "read" || recorder.flowing(now));
  }

  /**
   * The first error of a slice, on any path, from a moment on.
   * @param moment and `at`: ms since the epoch
   */
  firstErrorAfter(moment: number): { at: number; path: Path; class: string } | undefined {
    const [first] = [...this.recorders.values()]
      .flatMap(({ marks }) => marks.find(({ at }) => this.startedAt + at >= moment) ?? [])
      .sort((a, b) => a.at - b.at);
    return first && { ...first, at: this.startedAt + first.at };
  }

  /** Compares the database with the ledger. @param scope the last slice, or all since the load was opened */
  async verify(scope: "slice" | "all"): Promise<Verification> {
    if (this.running) throw new Error("the load must be stopped first");
    const range = scope === "all" ? { from: 0, to: this.ledger.size } : this.range;
    const limit = this.reached.cluster.facts.maxReplicaLag * 1024 ** 2;
    const readings = await readBack(this.reached, this.table, range);
    return judge(this.ledger, range, readings, { bytes: this.highWater[scope], limit });
  }

  /** Ends all connections and removes the table. @throws OpsError when it cannot; a later load does so after a day */
  async close(): Promise<void> {
    if (this.running) {
      clearInterval(this.running.timer);
      this.running.delay.disable();
      this.running = undefined;
    }
    for (const client of [...this.clients.values()].flat()) client.close();
    const deadline = Date.now() + openLimit;
    for (;;) {
      try {
        await asOwner(this.reached.cluster, (client) => dropTable(client, this.table));
        return;
      } catch (error) {
        if (Date.now() >= deadline) throw new OpsError(`${this.table} could not be removed: ${messageOf(error)}`);
        await pause(500);
      }
    }
  }

  private workers(path: Path): Worker[] {
    const clients = this.clients.get(path)!;
    return clients.map((client) => (path === "read" ? this.reader(client) : this.writer(client, path)));
  }

  private writer(client: PathClient, path: WritePath): Worker {
    // PgBouncer gives every statement another server connection; straight to one, a statement is prepared once.
    const name = path === "write" ? "pgha_load" : undefined;
    const text = insertSql(this.table);
    return async (deadline) => {
      const id = this.ledger.issue(path);
      const answer = await client.perform({ name, text, values: [id, path] }, deadline);
      this.ledger.resolve(id, answer.outcome);
      return answer;
    };
  }

  private reader(client: PathClient): Worker {
    return async (deadline) => {
      const end = this.highWater.begin();
      const answer = await client.perform({ name: "pgha_read", text: readSql }, deadline);
      if (answer.outcome !== "acknowledged") return { ...answer, outcome: "failed" };
      end(Number(answer.rows[0]![0]));
      return answer;
    };
  }
}

function check(paths: LoadPath[]): void {
  if (paths.length === 0) throw new OpsError("there is no path to put load on");
  for (const { path, rate, clients } of paths) {
    if (!(rate > 0 && rate <= 1000))
      throw new OpsError(`${path}: ${rate} operations a second; up to 1000 are possible`);
    if (!(clients >= 1 && clients <= 100)) throw new OpsError(`${path}: ${clients} clients; 1 to 100 are possible`);
  }
}
