import type { Answer } from "./client";
import type { Recorder } from "./recorder";

/** Carries out one operation. @param deadline when it is not worth sending any more. Never rejects */
export type Worker = (deadline: number) => Promise<Pick<Answer, "outcome"> & { class?: string; example?: string }>;

/** How long an operation waits to be sent, and a statement then for its answer, milliseconds. */
export const patience = 60_000;

const expired = { outcome: "failed", class: "never sent", example: "no client was free in time" } as const;

/**
 * Operations at a fixed rate, whatever the answers do: number k is due k/rate seconds after the start and waits for a free
 * worker. So a stall is felt by every operation that falls into it, as by the users of an application.
 */
export class OpenLoop {
  private released = 0;
  private taken = 0;
  private ended = 0;
  private readonly idle: Worker[];
  private finished?: () => void;

  /** @param rate operations a second @param now the clock, milliseconds */
  constructor(
    private readonly rate: number,
    workers: Worker[],
    private readonly recorder: Recorder,
    private readonly start: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.idle = [...workers];
  }

  /** Releases what is due; to be called again and again. */
  release(): void {
    if (this.finished) return;
    const now = this.now();
    for (; this.dueAt(this.released) <= now; this.released++) this.recorder.due(this.dueAt(this.released));
    this.handOut();
  }

  /** Releases nothing more and waits until all that was due has ended. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.finished = resolve;
      this.handOut();
    });
  }

  private dueAt(index: number): number {
    return this.start + (index * 1000) / this.rate;
  }

  private handOut(): void {
    while (this.taken < this.released && this.idle.length > 0) {
      void this.carryOut(this.idle.shift()!, this.dueAt(this.taken++));
    }
    if (this.ended === this.released) this.finished?.();
  }

  private async carryOut(worker: Worker, due: number): Promise<void> {
    const deadline = due + patience;
    const { outcome, ...event } = await (this.now() < deadline ? worker(deadline) : expired);
    this.recorder.done(this.now(), due, outcome, event);
    this.ended++;
    this.idle.push(worker);
    this.handOut();
  }
}
