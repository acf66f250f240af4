import { duration } from "../figures.ts";
import { layerNames } from "../layers.ts";
import { svg, ticks } from "./dom.mjs";
import { lane, laneHeight, leaders } from "./lanes.mjs";
import { errors, latencies, rates } from "./panels.mjs";

/** Heights in pixels; each panel has a line of text above it. */
const heights = { labels: 46, rates: 96, errors: 36, latency: 72, caption: 27, axis: 34 };

let drawings = 0;

/**
 * Draws a drill.
 * @param range the stretch to show, ms since the load began
 * @returns the drawing, what maps times to places and back, and the marks of events
 */
export function picture(drill, range, width) {
  const left = width < 560 ? 80 : 92;
  const right = width - 12;
  const [from, to] = range;
  const x = (at) => left + ((at - from) / (to - from)) * (right - left);
  const time = (place) => from + ((place - left) / (right - left)) * (to - from);
  const frame = { drill, x, left, right, from, to, clip: `clip-${++drawings}` };

  const parts = [];
  let y = heights.labels;
  for (const [draw, height] of [
    [rates, heights.rates],
    [errors, heights.errors],
    [latencies, heights.latency],
  ]) {
    y += heights.caption;
    parts.push(draw(frame, y, height));
    y += height;
  }
  y += heights.caption;
  parts.push(leaders(frame, y));
  const marks = [];
  for (const [index, layer] of Object.keys(layerNames).entries()) {
    const top = y + (index + 1) * laneHeight;
    const found = lane(frame, layer, top);
    parts.push(found.element);
    marks.push(...found.marks);
  }
  const bottom = y + (Object.keys(layerNames).length + 1) * laneHeight;
  const height = bottom + heights.axis;
  marks.sort((a, b) => a.event.at - b.event.at);

  const clip = svg("clipPath", { id: frame.clip }, svg("rect", { x: left, y: 0, width: right - left, height: bottom }));
  const drawing = svg(
    "svg",
    {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "group",
      "aria-labelledby": `${frame.clip}-t ${frame.clip}-d`,
    },
    svg("title", { id: `${frame.clip}-t` }, `Timeline of: ${drill.title}`),
    svg("desc", { id: `${frame.clip}-d` }, description(drill)),
    svg("defs", {}, clip, hatching(`${frame.clip}-h`)),
    gap(frame, bottom),
    axis(frame, bottom),
    ...parts,
    moments(frame, bottom),
  );
  return { svg: drawing, x, time, range, height: bottom, marks };
}

/** Unknown outcomes are told from failed ones by more than their colour. */
const hatching = (id) =>
  svg(
    "pattern",
    { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
    svg("rect", { class: "unknown", width: 6, height: 6 }),
    svg("path", { class: "hatch", d: "M-1 4 4 -1M2 7 7 2" }),
  );

const description = ({ injectedAt, outage, healedAt, whole }) =>
  `The fault came at ${duration(injectedAt)}. The longest time without an acknowledged write was ${duration(outage.measured)}. ` +
  `Healed at ${duration(healedAt)}; ${whole === null ? "not whole in time" : `whole after another ${whole.toFixed(1)} s`}.`;

const pooledOf = ({ paths }) =>
  paths.find(({ path }) => path === "pooled") ?? paths.find(({ path }) => path === "write");

function gap({ drill, x, clip }, bottom) {
  const longest = pooledOf(drill)?.longestGap;
  if (!longest) return svg("g");
  const [start, end] = [x(longest.at), x(longest.at + longest.ms)];
  const top = heights.labels;
  return svg("rect", {
    class: "gap",
    x: start,
    y: top,
    width: Math.max(1, end - start),
    height: bottom - top,
    "clip-path": `url(#${clip})`,
  });
}

function axis({ x, from, to, left, right }, bottom) {
  const marks = ticks(from / 1000, to / 1000, (right - left) / 70).map((second) => {
    const place = x(second * 1000);
    const label = Number(second.toFixed(2));
    return svg(
      "g",
      {},
      svg("line", { class: "grid", x1: place, x2: place, y1: heights.labels, y2: bottom }),
      svg("text", { x: place, y: bottom + 16, "text-anchor": "middle" }, `${label}`),
    );
  });
  const name = svg(
    "text",
    { class: "caption", x: right, y: bottom + 30, "text-anchor": "end" },
    "seconds since the load began",
  );
  return svg("g", { class: "axis" }, ...marks, name);
}

/** Lines across everything: the fault, its end, and the gap's length; labels go to the next row where they would touch. */
function moments({ drill, x, from, to, left, right }, bottom) {
  const { injectedAt, healedAt, whole } = drill;
  const longest = pooledOf(drill)?.longestGap;
  const all = [
    { at: injectedAt, text: "fault", kind: "injected" },
    ...(longest ? [{ at: longest.at, text: `no write for ${duration(longest.ms)}`, kind: "stalled" }] : []),
    { at: healedAt, text: "healed", kind: "healed" },
    ...(whole === null ? [] : [{ at: healedAt + whole * 1000, text: "whole", kind: "healed" }]),
  ].filter(({ at }) => at >= from && at <= to);
  const taken = [left, left, left].map(() => -1);
  const drawn = all
    .sort((a, b) => a.at - b.at)
    .map(({ at, text, kind }) => {
      const place = x(at);
      const length = text.length * 6.4 + 8;
      const back = place + length > right;
      const start = back ? place - length : place;
      const free = taken.findIndex((end) => end < start);
      const row = free < 0 ? taken.length - 1 : free;
      taken[row] = start + length;
      const y = 12 + row * 14;
      return svg(
        "g",
        { class: `moment ${kind}` },
        ...(kind === "stalled" ? [] : [svg("line", { x1: place, x2: place, y1: y - 10, y2: bottom })]),
        svg("text", { x: back ? place - 4 : place + 4, y, "text-anchor": back ? "end" : "start" }, text),
      );
    });
  return svg("g", {}, ...drawn);
}
