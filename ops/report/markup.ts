/** HTML that was made by `markup`, and so needs no escaping any more. */
export class Markup {
  constructor(readonly html: string) {}
}

export type Piece = string | number | Markup | null | undefined | Piece[];

/** A template of HTML, in which everything is escaped that is not markup itself; null and undefined leave nothing. */
export function markup(parts: TemplateStringsArray, ...pieces: Piece[]): Markup {
  return new Markup(parts.map((part, index) => (index === 0 ? "" : render(pieces[index - 1])) + part).join(""));
}

/** Text that is trusted as it stands: our own style and script, never what a run brought back. */
export const trusted = (text: string) => new Markup(text);

function render(piece: Piece): string {
  if (piece === null || piece === undefined) return "";
  if (piece instanceof Markup) return piece.html;
  if (Array.isArray(piece)) return piece.map(render).join("");
  return String(piece).replace(/[&<>"']/g, (found) => entities[found]!);
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
