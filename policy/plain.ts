/**
 * A copy of what the policy SDK hands over, without what only the update will know: the SDK's values throw when an unknown
 * one among them is read.
 */
export function plain(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  const known: [string, unknown][] = [];
  for (const key of Object.keys(value)) {
    try {
      known.push([key, plain((value as Record<string, unknown>)[key])]);
    } catch {
      continue; // unknown
    }
  }
  return Array.isArray(value) ? known.map(([, item]) => item) : Object.fromEntries(known);
}
