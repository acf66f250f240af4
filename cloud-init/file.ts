/** A file to be put on a machine. */
export interface File {
  /** Absolute path. */
  path: string;
  /** `user:group`. */
  owner: string;
  /** Four octal digits. */
  mode: string;
  content: string;
}

/** Head of every rendered file, so that nobody edits it in vain. */
export const header = (comment = "#") =>
  `${comment} Written by pgha at every change of its settings. Edits made here are reported by \`pgha validate\` and overwritten.\n`;

/** Serialises the sections of a systemd unit. A value that is a list gives one line for each entry. */
export function unit(sections: Record<string, Record<string, string | number | (string | number)[]>>): string {
  const blocks = Object.entries(sections).map(([name, entries]) => {
    const lines = Object.entries(entries).flatMap(([key, value]) => [value].flat().map((v) => `${key}=${v}`));
    return [`[${name}]`, ...lines].join("\n");
  });
  return `${header()}${blocks.join("\n\n")}\n`;
}
