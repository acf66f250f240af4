import { meaningOf } from "./log-rules";
import type { JournalLine } from "./journal";
import type { LayerEvent } from "./model";

/** Events shown of one drill at most; the steps of the failover first, then what came closest to them. */
const mostEvents = 60;
/** What is said again within this time says nothing new, ms. */
const sameEvent = 10_000;
/** Longest time between the first probe of a race for the leader key and its outcome, ms. Patroni gives a probe 2 s. */
const longestRace = 5000;

/**
 * What each layer saw, from its own journal. Pure.
 * @param lines in the order of time
 * @param startedAt when the drill's load began, ms since the epoch
 */
export function layerEvents(lines: JournalLine[], startedAt: number): LayerEvent[] {
  const events: LayerEvent[] = [];
  const owners = new Map<string, string>();
  const promoting = new Set<string>();
  let leader: string | undefined;
  const probes = new Map<string, number[]>();
  for (const line of lines) {
    const { node, text } = line;
    const event = (at: number, step: LayerEvent["step"], says: string, layer: LayerEvent["layer"] = "patroni") =>
      events.push({ at: Math.round(at - startedAt), layer, node, step, text: says });

    // Probes alone do not tell a race from a leader's look round before it hands over: the outcome does.
    if (/^\w+: (Got response from|Request failed to) /.test(text))
      probes.set(node, [...(probes.get(node) ?? []), line.at]);
    else if (
      /^INFO: (Got quorum vote from|promoted self|Could not take out TTL lock|.*not the healthiest)/.test(text)
    ) {
      const [first] = (probes.get(node) ?? []).filter((at) => at > line.at - longestRace);
      if (first !== undefined) event(first, "lock-free", "saw that the leader key was free");
      probes.delete(node);
    } else if (/^INFO: (no action|Leader key released|Demoting)/.test(text)) probes.delete(node);

    const [, owner] = /^INFO: Lock owner: ([\w-]+); I am /.exec(text) ?? [];
    if (owner !== undefined) {
      const known = owners.get(node);
      if (known !== undefined && known !== owner && owner !== node)
        event(line.at, "note", owner === "None" ? "sees that nobody leads" : `sees that ${owner} leads`);
      owners.set(node, owner);
    }

    const meaning = meaningOf(line);
    if (!meaning) continue;
    if (meaning.text === "received the promote request") promoting.add(node);
    // The same words come after every start.
    if (meaning.step === "promoted" && !promoting.delete(node)) meaning.step = "note";
    if (meaning.step === "lock-taken") leader = node;
    // What befalls the others after that is not a failover.
    if (meaning.step === "noticed" && leader !== undefined && leader !== node) meaning.step = "note";
    event(line.at, meaning.step, meaning.text, meaning.layer);
  }
  return shorten(events.sort((a, b) => a.at - b.at).filter(isNews()));
}

/** Tells events that change something from repetitions: of a step, until another follows; of a remark, in any case. */
function isNews(): (event: LayerEvent) => boolean {
  const last = new Map<string, { said: string; at: number }>();
  return ({ at, layer, node, step, text }) => {
    const said = `${step} ${text}`;
    // HAProxy's steps are those of one server each.
    const subject = step === "note" ? said : layer === "haproxy" ? text.split(":")[0] : "";
    const place = `${layer} ${node} ${subject}`;
    const before = last.get(place);
    if (before?.said === said && at - before.at < sameEvent) return false;
    last.set(place, { said, at });
    return true;
  };
}

function shorten(events: LayerEvent[]): LayerEvent[] {
  const steps = events.filter(({ step }) => step !== "note").slice(0, mostEvents);
  const distance = ({ at }: LayerEvent) => Math.min(...steps.map((step) => Math.abs(step.at - at)));
  const notes = events.filter(({ step }) => step === "note");
  if (steps.length > 0) notes.sort((a, b) => distance(a) - distance(b));
  return [...steps, ...notes.slice(0, mostEvents - steps.length)].sort((a, b) => a.at - b.at);
}
