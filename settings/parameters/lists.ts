/** Lists with commas, as PostgreSQL reads them in its configuration (varlena.c of version 17). */

const item = {
  /** `SplitIdentifierString`: words, in lower case; what has blanks or commas, or upper case that counts, in double quotes. */
  words: /^\s*(?:"((?:[^"]|"")*)"|([^",\s][^,\s]*))\s*(,|$)/,
  /** `SplitDirectoriesString`: as above, but blanks within are part of a name, and case counts. */
  files: /^\s*(?:"((?:[^"]|"")*)"|([^",\s](?:[^,]*[^,\s])?))\s*(,|$)/,
};

/** @returns the names; undefined when the syntax is wrong */
export function readList(text: string, of: keyof typeof item): string[] | undefined {
  if (text.trim() === "") return [];
  const names: string[] = [];
  for (let rest = text, more = ","; more;) {
    const [all, quoted, plain, comma] = item[of].exec(rest) ?? [];
    if (all === undefined) return undefined;
    names.push(quoted?.replaceAll('""', '"') ?? (of === "words" ? plain!.toLowerCase() : plain!));
    rest = rest.slice(all.length);
    more = comma!;
  }
  return names;
}
