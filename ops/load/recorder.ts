import { createHistogram } from "node:perf_hooks";
import type { Latency, Outcome, Path, PathResult, Second } from "./model";

/** What became of an operation, or what went wrong beside them. */
interface Event {
  class?: string;
  example?: string;
}

/** Counters of a path while it is under load. */
export interface Live {
  path: Path;
  acknowledged: number;
  failed: number;
  unknown: number;
  refused: number;
  /** Operations that are due or under way. */
  waiting: number;
  /** How long nothing has been acknowledged although something was due, milliseconds. */
  gap: number;
  /** The last whole second. */
  last: Second | null;
}

/** An error as it happened, ms since the slice began. */
export interface ErrorMark {
  at: number;
  path: Path;
  class: string;
}

/** At most this many errors of a path are kept with their time in a slice; later ones are only counted. */
const mostMarks = 20_000;

const nothing: Latency = { p50: null, p95: null, p99: null, max: null };

/** Measures one path during a slice. Times are in milliseconds on any clock that never goes back. */
export class Recorder {
  /** The first errors, in the order they came. */
  readonly marks: ErrorMark[] = [];
  private readonly count = { due: 0, acknowledged: 0, failed: 0, unknown: 0, refused: 0 };
  private readonly whole = histogram();
  private readonly current = histogram();
  private readonly seconds: Second[] = [];
  private readonly errors = new Map<string, { count: number; example: string }>();
  private longest = { ms: 0, at: 0 };
  /** Since when something has been due and nothing acknowledged. */
  private waitingSince: number | undefined;

  constructor(
    private readonly path: Path,
    private readonly start: number,
  ) {}

  /** An operation falls due. */
  due(at: number): void {
    this.count.due++;
    this.waitingSince ??= at;
  }

  /** An operation ends. @param due when it was due */
  done(now: number, due: number, outcome: Outcome, event: Event = {}): void {
    const second = this.secondOf(now);
    this.count[outcome]++;
    second[outcome]++;
    if (outcome !== "acknowledged") return this.error(now, event);
    this.endGap(now);
    this.waitingSince = this.waiting > 0 ? now : undefined;
    const latency = Math.max(1, Math.round((now - due) * 1000));
    this.whole.record(latency);
    this.current.record(latency);
  }

  /** A connection could not be opened, or broke while it was idle. */
  trouble(now: number, refused: boolean, event: Event): void {
    const second = this.secondOf(now);
    if (refused) {
      this.count.refused++;
      second.refused++;
    }
    this.error(now, { ...event, class: `${refused ? "connect" : "idle"}: ${event.class ?? ""}` });
  }

  /** Something was acknowledged, and nothing due waits long. */
  flowing(now: number): boolean {
    return this.count.acknowledged > 0 && this.gap(now) < 250;
  }

  live(now: number): Live {
    this.secondOf(now);
    const { acknowledged, failed, unknown, refused } = this.count;
    return {
      path: this.path,
      acknowledged,
      failed,
      unknown,
      refused,
      waiting: this.waiting,
      gap: Math.round(this.gap(now)),
      last: this.seconds.at(-2) ?? null,
    };
  }

  /** Everything measured until now. Called once, at the end. */
  result(now: number): PathResult {
    this.endGap(now);
    const second = this.secondOf(now);
    Object.assign(second, latencyOf(this.current));
    const { due, acknowledged, failed, unknown } = this.count;
    const { ms, at } = this.longest;
    return {
      path: this.path,
      due,
      acknowledged,
      failed,
      unknown,
      longestGap: { ms: Math.round(ms), at: Math.round(at) },
      latency: latencyOf(this.whole),
      errors: [...this.errors]
        .map(([name, { count, example }]) => ({ class: name, count, example }))
        .sort((a, b) => b.count - a.count),
      seconds: this.seconds,
    };
  }

  private get waiting(): number {
    const { due, acknowledged, failed, unknown } = this.count;
    return due - acknowledged - failed - unknown;
  }

  private gap(now: number): number {
    return this.waitingSince === undefined ? 0 : Math.max(0, now - this.waitingSince);
  }

  private endGap(now: number): void {
    const ms = this.gap(now);
    if (this.waitingSince !== undefined && ms > this.longest.ms)
      this.longest = { ms, at: this.waitingSince - this.start };
  }

  private error(now: number, { class: name = "unknown", example = "" }: Event): void {
    const known = this.errors.get(name);
    if (known) known.count++;
    else this.errors.set(name, { count: 1, example });
    if (this.marks.length < mostMarks) this.marks.push({ at: now - this.start, path: this.path, class: name });
  }

  /** The second that runs now; those before it are closed. */
  private secondOf(now: number): Second {
    const index = Math.floor((now - this.start) / 1000);
    while (this.seconds.length <= index) {
      const before = this.seconds.at(-1);
      if (before) {
        Object.assign(before, latencyOf(this.current));
        this.current.reset();
      }
      this.seconds.push({
        second: this.seconds.length,
        acknowledged: 0,
        failed: 0,
        unknown: 0,
        refused: 0,
        ...nothing,
      });
    }
    return this.seconds.at(-1)!;
  }
}

/** Of latencies in microseconds up to an hour, with three significant figures. */
function histogram() {
  return createHistogram({ lowest: 1, highest: 3_600_000_000, figures: 3 });
}

function latencyOf(of: ReturnType<typeof histogram>): Latency {
  if (of.count === 0) return nothing;
  const ms = (microseconds: number) => Math.round(microseconds / 10) / 100;
  return { p50: ms(of.percentile(50)), p95: ms(of.percentile(95)), p99: ms(of.percentile(99)), max: ms(of.max) };
}
