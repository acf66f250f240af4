/* global atob, Blob, DecompressionStream, document, Response, URL */
import { duration } from "../figures.ts";
import { layerNames } from "../layers.ts";
import { html } from "./dom.mjs";
import { showTimeline } from "./timeline.mjs";

for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => sort(button.closest("th")));
}

/** Sorts a table by a column; a second time, the other way round. Rows without a value come last. */
function sort(head) {
  const table = head.closest("table");
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const value = (row) => row.cells[head.cellIndex].dataset.value;
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === undefined || right === undefined) return (left === undefined) - (right === undefined);
    return ascending ? compare(left, right) : compare(right, left);
  });
  table.tBodies[0].append(...rows);
}

/** What was seen during a drill, in words. */
function eventTable({ events, injectedAt }) {
  const head = ["At", "After the fault", "Layer", "Node", "Step", "What"];
  const rows = events.map(({ at, layer, node, step, text }) => {
    const cells = [
      duration(at),
      duration(at - injectedAt),
      layerNames[layer],
      node ?? "",
      step === "note" ? "" : step,
      text,
    ];
    return html(
      "tr",
      {},
      ...cells.map((cell, column) => html("td", { class: column < 2 ? "number" : undefined }, cell)),
    );
  });
  const heads = head.map((name, column) =>
    html("th", { scope: "col", class: column < 2 ? "number" : undefined }, name),
  );
  return html(
    "div",
    { class: "scroll", role: "region", "aria-label": "What each layer saw", tabindex: 0 },
    html("table", {}, html("thead", {}, html("tr", {}, ...heads)), html("tbody", {}, ...rows)),
  );
}

/** Fills what is empty so far in an open drill. */
function draw(details, drills) {
  for (const place of details.querySelectorAll("[data-drill]:not([data-drawn])")) {
    if (!place.closest("details").open) continue;
    place.dataset.drawn = "";
    const drill = drills[place.dataset.drill];
    if (place.matches("figure")) showTimeline(place, drill);
    else place.append(eventTable(drill));
  }
}

async function unpack() {
  const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (letter) => letter.charCodeAt(0));
  const text = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  const link = document.getElementById("download");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.hidden = false;
  return JSON.parse(text);
}

unpack().then(({ drills }) => {
  // `toggle` does not bubble, but it can be caught on its way down.
  document.addEventListener("toggle", ({ target }) => target.open && draw(target, drills), true);
  for (const details of document.querySelectorAll("details.drill[open]")) draw(details, drills);
  document.documentElement.dataset.ready = "";
});
