/** Markdown that GitHub takes: a comment has at most 65,536 characters, and what comes from elsewhere stays text. */

/** Bytes, not characters, and with room for what is put around it: never above the limit. */
export const commentLimit = 65_000;

/** A part that is folded, and cut when there is no room for all of it. */
export interface Section {
  /** HTML. */
  title: string;
  /** Shown as they are, as a diff. */
  lines: string[];
}

const size = (text: string) => Buffer.byteLength(text);

/** Text as a cell of a table: on one line, and no end of the cell in it. */
export const tableCell = (text: string) => text.replace(/\r?\n/g, " ").replace(/\|/g, "\\|");

/** A block of text that nothing in it can end: its fence is longer than any in the text. */
export function fenced(text: string, language = ""): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** The head as it is, then as much of each section as there is room for; what is left out is said. */
export function fit(head: string, sections: Section[], limit = commentLimit): string {
  let text = size(head) <= limit ? head : `${cut(head.split("\n"), limit - 100).join("\n")}\n\nCut here: too long.\n`;
  for (const { title, lines } of sections.filter((section) => section.lines.length > 0)) {
    const around = (shown: string[], note: string) =>
      `\n<details><summary>${title}</summary>\n\n${fenced(shown.join("\n"), "diff")}\n${note}</details>\n`;
    const whole = around(lines, "");
    if (size(text) + size(whole) <= limit) {
      text += whole;
      continue;
    }
    const note = (left: number) => `\nCut here: ${left} lines more. The job's log has them all.\n\n`;
    const room = limit - size(text) - size(around([], note(lines.length))) - 2 * longestTicks(lines);
    const shown = cut(lines, room);
    if (shown.length > 0) text += around(shown, note(lines.length - shown.length));
    else if (size(text) + size(note(lines.length)) <= limit) text += note(lines.length);
  }
  return text;
}

/** What the fence around these lines takes at most beyond its least. */
const longestTicks = (lines: string[]) =>
  Math.max(0, ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map(([ticks]) => ticks.length)));

/** As many of the lines as fit into that many bytes. */
function cut(lines: string[], room: number): string[] {
  let used = 0;
  const end = lines.findIndex((line) => (used += size(line) + 1) > room);
  return end < 0 ? lines : lines.slice(0, end);
}
