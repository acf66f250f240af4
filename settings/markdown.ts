/** Tables in Markdown, and pages that have them. */

/** A table. @param rows the cells of each, under those of the head */
export function markdownTable(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `|${cells.map((cell) => (cell ? ` ${cell} ` : " ")).join("|")}|`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

/**
 * A page with a table as it should be: after its `<!-- MARK -->` or `<!-- MARK: ... -->`, up to an empty line.
 * @throws Error when the page has no place for it
 */
export function withTable(page: string, mark: string, table: string): string {
  const place = new RegExp(`(<!-- ${mark}(?:: .*)? -->\n)(?:.+\n)*`);
  if (!place.test(page)) throw new Error(`there is no place for the table '${mark}'`);
  return page.replace(place, (_, begin: string) => `${begin}${table}\n`);
}
