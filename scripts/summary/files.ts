/** The files of a node, as the inputs of its state have them (`shownFiles` in cloud-init/drift.ts). */
import type { EngineStep } from "./events";

/** What a node is given. */
export interface Given {
  /** Content, owner and mode of each file, by path: a change of any is installed, and has the same effect. */
  files: Map<string, string>;
  /** The script of its converge step. */
  script: string;
}

/** @returns nothing where there is none, or where it is not known yet */
export function givenOf(inputs: EngineStep["before"]): Given {
  const { script, files } = inputs ?? {};
  const entries = Object.entries(typeof files === "object" && files ? files : {});
  return {
    script: typeof script === "string" ? script : "",
    files: new Map(entries.map(([path, text]) => [path, String(text)])),
  };
}

/** Paths of files that are new, gone or differ, in order. */
export function changedPaths(before: Given, after: Given): string[] {
  // A state of a release that did not keep them knows of none.
  if (before.files.size === 0) return [];
  const paths = new Set([...before.files.keys(), ...after.files.keys()]);
  return [...paths].filter((path) => before.files.get(path) !== after.files.get(path)).sort();
}
