/** Rows of a CSV text with a header line, as objects. Handles quotes; HAProxy's leading `# ` is dropped. */
export function parseCsv(text: string): Record<string, string>[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const names = splitCsvLine((lines.shift() ?? "").replace(/^# /, ""));
  return lines.map((line) => {
    const values = splitCsvLine(line);
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
  });
}

function splitCsvLine(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted !== undefined ? quoted.replaceAll('""', '"') : (plain ?? ""),
  );
}
