/** Lines of a table with aligned columns. */
export function table(head: string[], rows: string[][]): string[] {
  const all = [head, ...rows];
  const width = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(width[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** A size in bytes for people: `18 B`, `20.5 MiB`. */
export function bytes(size: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = size;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
