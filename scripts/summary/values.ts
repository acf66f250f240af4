/** Values of resources for a reader. */
import type { EngineStep } from "./events";

/** A value on one line: long texts and lists by their size. */
export function brief(value: unknown): string {
  if (value === undefined || value === null) return "none";
  if (typeof value === "string") {
    const lines = value.trimEnd().split("\n").length;
    if (lines > 1) return `[text of ${lines} lines]`;
    return value.length > 80 ? `${value.slice(0, 77)}...` : value;
  }
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

/** `Instance` of `aws:ec2/instance:Instance`. */
export const shortType = (type: string) => type.slice(type.lastIndexOf(":") + 1);

/** What differs in a resource, on one line. Empty for one that is made or removed. */
export function changesText(step: EngineStep): string {
  const { before, after } = step;
  if (!before || !after) return "";
  return step.differs
    .map((key) => {
      const [old, now] = [brief(before[key]), brief(after[key])];
      // Both sides of a secret, and of a long text, look the same.
      return old === now ? `${key} differs` : `${key} ${old} → ${now}`;
    })
    .join(", ");
}
