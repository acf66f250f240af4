/** Figures for people. */

/** The least, middle, 95th percentile and most of some values. */
export interface Spread {
  min: number;
  p50: number;
  p95: number;
  max: number;
}

/**
 * The value that `percent` of all values do not exceed, by nearest rank: always one that was measured.
 * @param sorted ascending, at least one
 */
export function percentile(sorted: number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

/** Null: there are no values. */
export function spread(values: number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (percent: number) => percentile(sorted, percent);
  return { min: at(0), p50: at(50), p95: at(95), max: at(100) };
}

/** Milliseconds as seconds: `12.30`. Null: `-`. */
export const seconds = (ms: number | null | undefined) => (typeof ms === "number" ? (ms / 1000).toFixed(2) : "-");

/** Milliseconds with the unit that suits them: `85 ms`, `12.30 s`, `4 min 10 s`, `2 h 5 min`. Null: `-`. */
export function duration(ms: number | null | undefined): string {
  if (typeof ms !== "number") return "-";
  if (Math.abs(ms) < 1000) return `${Math.round(ms)} ms`;
  if (Math.abs(ms) < 120_000) return `${(ms / 1000).toFixed(2)} s`;
  const whole = Math.round(ms / 1000);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A count in groups of three: `1,234,567`. */
export const count = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 0 });

/** `×1.00`. Null or no number (a baseline of zero): `-`. */
export const ratio = (value: number | null) =>
  value !== null && Number.isFinite(value) ? `×${value.toFixed(2)}` : "-";

/** An ISO 8601 moment as `2026-01-31 12:00:00 UTC`. */
export const moment = (iso: string) => `${iso.slice(0, 19).replace("T", " ")} UTC`;
