/** What somebody may have meant by a name that is not known. */

/** The most names that are offered: a parameter's beginning may be that of several. */
const most = 3;

/**
 * The known names that begin with this one; when there is none, the nearest by edit distance.
 * @param known names to choose from
 * @returns at most three, of which none is far away; often none
 */
export function nearest(name: string, known: string[]): string[] {
  const wanted = name.toLowerCase();
  const longer = known.filter((other) => other.toLowerCase().startsWith(`${wanted}_`));
  if (longer.length > 0 && longer.length <= most) return longer;
  const far = Math.max(2, Math.floor(wanted.length / 3));
  const distances = known.map((other) => distance(wanted, other.toLowerCase()));
  const least = Math.min(...distances);
  return least > far ? [] : known.filter((_, index) => distances[index] === least).slice(0, most);
}

/** Letters to change, add or take away (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 0; at < one.length; at++) {
    const next = [at + 1];
    for (let to = 0; to < other.length; to++) {
      next.push(Math.min(row[to]! + (one[at] === other[to] ? 0 : 1), row[to + 1]! + 1, next[to]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
