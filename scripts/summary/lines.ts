/** Differences between texts, line by line. */
import { diff } from "node:util";

/** Lines shown around a difference. */
const context = 2;

/**
 * The lines that differ and those around them, as `diff -u` marks them; `...` where lines are left out. `util.diff` gives 1 for
 * a line of the first text only, -1 for one of the second only.
 */
export function lineDiff(before: string, after: string): string[] {
  const lines = diff(before.split("\n"), after.split("\n"));
  const near = (index: number) =>
    lines.slice(Math.max(0, index - context), index + context + 1).some(([sign]) => sign !== 0);
  const shown: string[] = [];
  let gap = false;
  for (const [index, [sign, line]] of lines.entries()) {
    if (!near(index)) gap = true;
    else {
      if (gap) shown.push("  ...");
      gap = false;
      shown.push(`${sign > 0 ? "-" : sign < 0 ? "+" : " "} ${line}`.trimEnd());
    }
  }
  return shown;
}
