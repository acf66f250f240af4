/** The read that is repeated: how far the server is in the WAL, as a number of bytes. */
export const readSql =
  "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0')::text";

/**
 * Follows how far reads see. A read that begins after another has ended should see no less; by how much it does is the
 * regression, bytes of WAL.
 */
export class HighWater {
  /** The furthest step back: since `startSlice`, and ever. */
  slice = 0;
  all = 0;
  private highest = 0;

  startSlice(): void {
    this.slice = 0;
  }

  /** Begins a read. @returns to be called with what it saw */
  begin(): (seen: number) => void {
    const before = this.highest;
    return (seen) => {
      const step = Math.max(0, before - seen);
      this.slice = Math.max(this.slice, step);
      this.all = Math.max(this.all, step);
      this.highest = Math.max(this.highest, seen);
    };
  }
}
