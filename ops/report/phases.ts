import type { Layer, LayerEvent, EventKind } from "../drill/model";
import { layerNames } from "./layers";

/** A stretch of a failover, ms since the load began. */
export interface Phase {
  name: string;
  /** What it ends with, and who saw that. */
  until: string;
  from: number;
  to: number;
}

/** Phases by the step that ends each, in the order they come. */
const ends: { name: string; steps: EventKind[]; layer?: Layer }[] = [
  // PostgreSQL knows of its own end at once; what counts is when it comes to Patroni's notice.
  { name: "detect", steps: ["noticed", "lock-free"], layer: "patroni" },
  { name: "elect", steps: ["lock-taken"] },
  { name: "promote", steps: ["promoted"] },
  { name: "proxy", steps: ["server-up"] },
  { name: "client", steps: ["first-write"] },
];

/**
 * What the time from the fault to the first write went into. A phase that no layer reported belongs to the one after it.
 * Empty: nobody was promoted, so there was no failover.
 */
export function phases(events: LayerEvent[], injectedAt: number): Phase[] {
  if (!events.some(({ step, at }) => step === "promoted" && at >= injectedAt)) return [];
  const found: Phase[] = [];
  let from = injectedAt;
  for (const { name, steps, layer } of ends) {
    const end = events.find(
      (event) => steps.includes(event.step) && event.layer === (layer ?? event.layer) && event.at >= from,
    );
    if (!end) continue;
    found.push({ name, until: [layerNames[end.layer], end.node].filter(Boolean).join(" on "), from, to: end.at });
    from = end.at;
  }
  return found;
}
