/** How values stand in SQL. Names need no quotes: the settings take plain identifiers only, and no keywords. */

export const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** As an array of texts. */
export const array = (names: string[]) => `ARRAY[${names.map(literal).join(", ")}]::text[]`;

/** Parameters whose value is a list of names, each by itself (GUC_LIST_QUOTE in guc_tables.c of version 17). */
const lists = new Set(["search_path", "temp_tablespaces"]);

/** A parameter's value after `SET name =`. */
export function parameterValue(name: string, value: string | number | boolean): string {
  const text = String(value);
  if (!lists.has(name.toLowerCase())) return literal(text);
  const names = text.split(",").map((one) => one.trim().replace(/^"(.*)"$/, "$1"));
  return names.map(literal).join(", ");
}
