/** The files of a node, read back out of its converge command (`cloud-init/converge.ts` puts them in). */

/** What a converge command would do on its node. */
export interface Converge {
  /** Owner, mode and content of each file, by path. */
  files: Map<string, string>;
  /** Everything else: the script, and the values it works with. */
  script: string;
}

const staged = /^stage_file (\S+) (\S+) (\S+) <<'(END_OF_PGHA_FILE)'\n([^]*?)^\4$/gm;

export function convergeOf(command: string): Converge {
  const files = new Map<string, string>();
  const script = command.replace(staged, (_, path: string, owner: string, mode: string, _end, content: string) => {
    // Owner and mode count, as for the node itself: a change of either is installed, and has the same effect.
    files.set(path, `${content}# ${owner} ${mode}\n`);
    return `stage_file ${path}`;
  });
  return { files, script };
}

/** Paths of files that are new, gone or differ, in order. */
export function changedPaths(before: Converge, after: Converge): string[] {
  const paths = new Set([...before.files.keys(), ...after.files.keys()]);
  return [...paths].filter((path) => before.files.get(path) !== after.files.get(path)).sort();
}
