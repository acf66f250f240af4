import type { Registered, Run } from "./program";

/** Whether a resource is registered only once another one is: it, its parent, or what they depend on, depends on that one. */
export function waitsFor(run: Run, { dependencies, parent }: Registered, other: Registered): boolean {
  return [...dependencies, parent].some((urn) => {
    const before = run.resources.get(urn);
    return before !== undefined && (before === other || waitsFor(run, before, other));
  });
}
