import type { Outcome, Path } from "./model";

/** Paths that write. */
export type WritePath = Exclude<Path, "read">;

/** Ids from `from` up to, but without, `to`. */
export interface Range {
  from: number;
  to: number;
}

const states = ["pending", "acknowledged", "failed", "unknown"] as const;
const paths: WritePath[] = ["pooled", "write"];

/**
 * What a run knows of its writes: one sequence of ids from 0, and for each its path and what became of it. One byte an id, so
 * that several million fit easily.
 */
export class Ledger {
  // The two lowest bits: index in `states`. The third: index in `paths`.
  private entries = new Uint8Array(65_536);
  private issued = 0;

  /** Ids issued so far, which is also the next id. */
  get size(): number {
    return this.issued;
  }

  /** Issues the id of a write that is about to be sent. */
  issue(path: WritePath): number {
    if (this.issued === this.entries.length) {
      const larger = new Uint8Array(2 * this.entries.length);
      larger.set(this.entries);
      this.entries = larger;
    }
    this.entries[this.issued] = paths.indexOf(path) << 2;
    return this.issued++;
  }

  /** Notes what became of a write. @throws when that was noted before: a write ends once */
  resolve(id: number, outcome: Outcome): void {
    if (this.outcomeOf(id) !== "pending") throw new Error(`write ${id} has ended before, as ${this.outcomeOf(id)}`);
    this.entries[id]! |= states.indexOf(outcome);
  }

  outcomeOf(id: number): Outcome | "pending" {
    return states[this.entry(id) & 3]!;
  }

  pathOf(id: number): WritePath {
    return paths[this.entry(id) >> 2]!;
  }

  private entry(id: number): number {
    if (id < 0 || id >= this.issued) throw new Error(`there is no write ${id}`);
    return this.entries[id]!;
  }
}
