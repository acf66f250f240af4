import { duration } from "../figures.ts";
import { layerNames } from "../layers.ts";
import { svg } from "./dom.mjs";

/** Pixels. */
export const laneHeight = 22;

/** Steps that tell of something lost, and of something regained; the others are notes. */
const losses = ["first-error", "noticed", "lock-free", "server-down"];
const gains = ["lock-taken", "promoted", "server-up", "first-write", "healed", "whole"];

/** Who led when: the leader of before until the first sign that it no longer did, then whoever was promoted. */
export function leaders(frame, y) {
  const { drill, x, from, to, left, right, clip } = frame;
  const { events, leader, injectedAt } = drill;
  const turns = [{ node: leader.before, start: 0, end: to }];
  for (const { at, node } of events.filter(({ step }) => step === "promoted")) {
    const last = turns.at(-1);
    const lost = events.filter(
      (event) => ["lock-free", "noticed"].includes(event.step) && event.at <= at && event.at > last.start,
    );
    last.end = Math.min(at, lost[0]?.at ?? Math.max(last.start, Math.min(injectedAt, at)));
    turns.push({ node, start: at, end: to });
  }
  const bars = turns
    .filter(({ node, start, end }) => node !== null && end > from && start < to)
    .flatMap(({ node, start, end }) => {
      const [first, last] = [Math.max(left, x(start)), Math.min(right, x(end))];
      const fits = last - first > node.length * 6.6 + 10;
      return [
        svg("rect", {
          class: "leader",
          x: first,
          y: y + 3,
          width: Math.max(2, last - first),
          height: laneHeight - 6,
          rx: 3,
        }),
        ...(fits ? [svg("text", { class: "node", x: first + 7, y: y + 15 }, node)] : []),
      ];
    });
  return svg(
    "g",
    {},
    svg("text", { x: left - 8, y: y + 15, "text-anchor": "end" }, "leader"),
    svg("g", { "clip-path": `url(#${clip})` }, ...bars),
  );
}

export function lane({ drill, x, from, to, left, right }, layer, y) {
  const middle = y + laneHeight / 2;
  const marks = drill.events
    .filter((event) => event.layer === layer && event.at >= from && event.at <= to)
    .map((event) => ({ event, element: mark(event, x(event.at), middle) }));
  // Notes first, so that what matters lies on top of them.
  const ordered = marks.toSorted((a, b) => (a.event.step !== "note") - (b.event.step !== "note"));
  const element = svg(
    "g",
    {},
    svg("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }),
    svg("text", { x: left - 8, y: middle + 4, "text-anchor": "end" }, layerNames[layer]),
    ...ordered.map((one) => one.element),
  );
  return { element, marks };
}

function mark(event, x, y) {
  const { step, layer, node, text, at } = event;
  const label = `${duration(at)}, ${[layerNames[layer], node].filter(Boolean).join(" ")}: ${text}`;
  const [kind, d] = losses.includes(step)
    ? ["loss", `M${x - 5} ${y - 4}h10l-5 9z`]
    : gains.includes(step)
      ? ["gain", `M${x - 5} ${y + 4}h10l-5 -9z`]
      : step === "injected"
        ? ["injected", `M${x - 4} ${y - 4}l8 8M${x + 4} ${y - 4}l-8 8`]
        : ["note", `M${x} ${y - 3}a3 3 0 1 0 .01 0z`];
  return svg("path", { class: `mark ${kind}`, d, role: "img", "aria-label": label });
}
