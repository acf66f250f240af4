/** What a pull request changes in the golden files, for one that may not see the stacks: no credentials, no state. */
import { fit } from "./fit";

/** @param diff what `git diff` prints for them; whatever is in it, it is shown as text */
export function goldenMarkdown(diff: string): string {
  const lines = diff.trimEnd().split("\n");
  const files = lines.filter((line) => line.startsWith("diff --git ")).length;
  if (files === 0) return "### Golden files: no changes\n\nNo stack's resources or files differ.\n";
  const head = [
    `### Golden files: ${files} ${files === 1 ? "differs" : "differ"}`,
    "What this pull request changes in the resources and the rendered files of every stack, without their state: which node " +
      "restarts, and in which order, is shown by the preview that runs once the branch is in this repository.",
  ];
  return fit(`${head.join("\n\n")}\n`, [{ title: "Differences", lines }]);
}
