/* global ResizeObserver */
import { duration } from "../figures.ts";
import { layerNames } from "../layers.ts";
import { html, svg } from "./dom.mjs";
import { picture } from "./picture.mjs";

/** Draws a drill's timeline into a figure, and again whenever its width changes. */
export function showTimeline(figure, drill) {
  const end = Math.max(1000, ...drill.paths.map(({ seconds }) => ((seconds.at(-1)?.second ?? 0) + 1) * 1000));
  const views = { "Around the outage": outage(drill, end), "Whole drill": [0, end] };
  let view = "Around the outage";
  const canvas = html("div", { class: "canvas" });
  const buttons = Object.keys(views).map((name) => {
    const button = html("button", { type: "button", "aria-pressed": name === view }, name);
    button.addEventListener("click", () => {
      view = name;
      for (const other of buttons) other.setAttribute("aria-pressed", other === button);
      redraw();
    });
    return button;
  });
  figure.append(html("div", { class: "toolbar" }, html("div", { class: "switch" }, ...buttons), legend()), canvas);

  let width = 0;
  function redraw() {
    const drawn = picture(drill, views[view], width);
    canvas.replaceChildren(drawn.svg, ...explained(drill, drawn));
  }
  new ResizeObserver(([{ contentRect }]) => {
    const wide = Math.round(contentRect.width);
    // A drill that was closed has no width.
    if (wide === 0 || wide === width) return;
    width = wide;
    redraw();
  }).observe(canvas);
}

/** What to show of the outage: a little before the fault until a little after the first write. */
function outage({ injectedAt, paths, events }, end) {
  const gaps = paths.filter(({ path }) => path !== "read").map(({ longestGap }) => longestGap);
  const telling = events.filter(({ step }) => ["promoted", "server-up", "first-write"].includes(step));
  const last = Math.max(injectedAt, ...gaps.map(({ at, ms }) => at + ms), ...telling.map(({ at }) => at));
  const first = Math.min(injectedAt, ...gaps.map(({ at }) => at));
  const spare = Math.max(3000, (last - first) * 0.25);
  return [Math.max(0, first - spare), Math.min(end, last + spare)];
}

function legend() {
  const entry = (kind, text, shape) =>
    html("span", {}, svg("svg", { width: 22, height: 12, "aria-hidden": "true" }, ...shape), ` ${text}`);
  const line = (name) => svg("line", { class: name, x1: 1, x2: 21, y1: 6, y2: 6 });
  const box = (name) => svg("rect", { class: name, x: 5, y: 0, width: 12, height: 12 });
  return html(
    "div",
    { class: "legend" },
    entry("line", "pooled (PgBouncer)", [line("series pooled")]),
    entry("line", "write (HAProxy)", [line("series write")]),
    entry("box", "no write acknowledged", [box("gap")]),
    entry("box", "failed", [box("failed")]),
    entry("box", "unknown", [box("unknown"), svg("path", { class: "hatch", d: "M5 12 17 0M5 6 11 0M11 12 17 6" })]),
    entry("box", "refused", [box("refused")]),
  );
}

/** The text beside the pointer, or beside the mark that has the focus. */
function explained(drill, { svg: drawing, time, x, marks, range, height }) {
  const tip = html("div", { class: "tip", role: "status", hidden: "" });
  const hair = svg("line", { class: "hair", y1: 0, y2: height, visibility: "hidden" });
  drawing.append(hair);
  const show = (at, near) => {
    hair.setAttribute("x1", x(at));
    hair.setAttribute("x2", x(at));
    hair.setAttribute("visibility", "visible");
    tip.replaceChildren(...explanation(drill, at, near));
    tip.hidden = false;
    tip.style[x(at) > drawing.clientWidth / 2 ? "right" : "left"] = `${
      x(at) > drawing.clientWidth / 2 ? drawing.clientWidth - x(at) + 12 : x(at) + 12
    }px`;
    tip.style[x(at) > drawing.clientWidth / 2 ? "left" : "right"] = "auto";
  };
  const hide = () => {
    tip.hidden = true;
    hair.setAttribute("visibility", "hidden");
  };
  const glass = html("div", { class: "glass" });
  const follow = ({ offsetX }) => {
    const at = time(offsetX);
    if (at < range[0] || at > range[1]) return hide();
    show(
      at,
      marks.filter(({ event }) => Math.abs(x(event.at) - offsetX) < 7).map(({ event }) => event),
    );
  };
  glass.addEventListener("pointermove", follow);
  glass.addEventListener("pointerdown", follow);
  glass.addEventListener("pointerleave", hide);
  // One stop for the tab key; the arrow keys go from mark to mark.
  marks.forEach(({ element, event }, index) => {
    element.setAttribute("tabindex", index === 0 ? 0 : -1);
    element.addEventListener("focus", () => show(event.at, [event]));
    element.addEventListener("blur", hide);
    element.addEventListener("keydown", (pressed) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[pressed.key];
      if (!step) return;
      pressed.preventDefault();
      marks[index + step]?.element.focus();
    });
  });
  return [glass, tip];
}

function explanation({ paths, injectedAt }, at, near) {
  const since = at - injectedAt;
  const when = `${duration(at)} · ${duration(Math.abs(since))} ${since < 0 ? "before" : "after"} the fault`;
  const perPath = paths.flatMap(({ path, seconds }) => {
    const second = seconds.find((one) => one.second === Math.floor(at / 1000));
    if (!second) return [];
    const wrong = ["failed", "unknown", "refused"]
      .filter((kind) => second[kind] > 0)
      .map((kind) => `${second[kind]} ${kind}`);
    const text = [
      `${second.acknowledged}/s`,
      `p99 ${duration(second.p99)}`,
      `max ${duration(second.max)}`,
      ...wrong,
    ].join(", ");
    return [html("p", {}, html("b", {}, path), ` ${text}`)];
  });
  const seen = near
    .slice(0, 8)
    .map(({ layer, node, text }) =>
      html("p", { class: "event" }, html("b", {}, [layerNames[layer], node].filter(Boolean).join(" ")), ` ${text}`),
    );
  const more = near.length > 8 ? [html("p", { class: "muted" }, `and ${near.length - 8} more`)] : [];
  return [html("p", { class: "when" }, when), ...perPath, ...seen, ...more];
}
