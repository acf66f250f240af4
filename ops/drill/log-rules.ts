import { serviceOf, services } from "../../cloud-init/services";
import type { Journal, JournalRule } from "../../cloud-init/services/service";
import type { JournalLine } from "./journal";
import type { EventKind, Layer } from "./model";

/** What a line of a journal means. */
export interface Meaning {
  layer: Layer;
  step: EventKind;
  text: string;
}

/** systemd, about any unit. */
const systemd: JournalRule[] = [
  [/^\S+\.service: Main process exited, code=(\w+), status=(\S+)/, "note", "ended: $1, $2"],
  [/^Started .*/, "note", "started"],
  [/^Stopped .*/, "note", "stopped"],
];

/** What a line means, by its service's rules; undefined: nothing worth showing. */
export function meaningOf({ unit, text }: JournalLine): Meaning | undefined {
  const service = serviceOf(unit);
  if (!service) return undefined;
  const journal: Journal = services[service].journal;
  const other = journal.others?.find(({ lines }) => lines.test(text));
  const { layer, rules } = other ?? { layer: journal.layer, rules: [...journal.rules, ...systemd] };
  const said = journal.message?.(text) ?? text;
  for (const [pattern, step, short] of rules) {
    const [found] = pattern.exec(said) ?? [];
    if (found !== undefined) return { layer, step, text: found.replace(pattern, short).slice(0, 160) };
  }
  return undefined;
}
