import { svg, ticks } from "./dom.mjs";

/** A panel's name above it, its base line, and what its top stands for. */
function panel({ left, right }, y, height, name, scale) {
  const grids = scale.flatMap(([place, label]) => [
    svg("line", { class: "grid", x1: left, x2: right, y1: place, y2: place }),
    svg("text", { x: left - 8, y: place + 4, "text-anchor": "end" }, label),
  ]);
  const base = svg("line", { class: "base", x1: left, x2: right, y1: y + height, y2: y + height });
  return [...grids, base, svg("text", { class: "caption", x: left, y: y - 7 }, name)];
}

const writers = ({ paths }) => paths.filter(({ path }) => path !== "read");

export function rates(frame, y, height) {
  const { drill, x, clip } = frame;
  const all = writers(drill).flatMap(({ seconds }) => seconds.map(({ acknowledged }) => acknowledged));
  const usual = all.filter((rate) => rate > 0).sort((a, b) => a - b);
  // What has piled up during an outage comes in one second: at full height it would flatten everything else.
  const most = Math.max(1, Math.min(usual.at(-1) ?? 1, 2 * (usual[Math.floor(usual.length / 2)] ?? 1)));
  const top = (rate) => y + height * (1 - Math.min(rate, most) / most);
  const series = writers(drill).map(({ path, seconds }) => {
    const steps = seconds
      .map(
        ({ second, acknowledged }) =>
          `L${x(second * 1000)} ${top(acknowledged)}L${x(second * 1000 + 1000)} ${top(acknowledged)}`,
      )
      .join("");
    const [first, last] = [x((seconds[0]?.second ?? 0) * 1000), x(((seconds.at(-1)?.second ?? 0) + 1) * 1000)];
    const cut = seconds
      .filter(({ acknowledged }) => acknowledged > most)
      .map(({ second }) => `M${x(second * 1000 + 500) - 4} ${y - 1}l4 -5l4 5z`)
      .join("");
    return svg(
      "g",
      {},
      svg("path", { class: `area ${path}`, d: `M${first} ${y + height}${steps}L${last} ${y + height}Z` }),
      svg("path", { class: `series ${path}`, d: steps.replace(/^L/, "M") }),
      svg("path", { class: `cut ${path}`, d: cut }),
    );
  });
  const scale = ticks(0, most, 3).map((rate) => [top(rate), `${rate}`]);
  const name = usual.at(-1) > most ? "writes per second (▴ off the scale)" : "writes per second";
  return svg("g", {}, ...panel(frame, y, height, name, scale), svg("g", { "clip-path": `url(#${clip})` }, ...series));
}

export function errors(frame, y, height) {
  const { drill, x, clip } = frame;
  const kinds = ["failed", "unknown", "refused"];
  const bySecond = new Map();
  for (const second of drill.paths.flatMap(({ seconds }) => seconds)) {
    const sum = bySecond.get(second.second) ?? { failed: 0, unknown: 0, refused: 0 };
    for (const kind of kinds) sum[kind] += second[kind];
    bySecond.set(second.second, sum);
  }
  const total = (sum) => kinds.reduce((so, kind) => so + sum[kind], 0);
  const most = Math.max(...[...bySecond.values()].map(total), 1);
  const bars = [...bySecond].flatMap(([second, sum]) => {
    let base = y + height;
    return kinds.flatMap((kind) => {
      if (sum[kind] === 0) return [];
      const tall = Math.max(1.5, (height * sum[kind]) / most);
      base -= tall;
      const [start, end] = [x(second * 1000), x(second * 1000 + 1000)];
      return [
        svg("rect", {
          class: kind,
          style: kind === "unknown" ? `fill: url(#${clip}-h)` : undefined,
          x: start + 0.5,
          y: base,
          width: Math.max(1, end - start - 1),
          height: tall,
        }),
      ];
    });
  });
  const none = [...bySecond.values()].every((sum) => total(sum) === 0);
  const scale = none ? [] : [[y, `${most}`]];
  return svg(
    "g",
    {},
    ...panel(frame, y, height, none ? "errors per second, all paths: none" : "errors per second, all paths", scale),
    svg("g", { "clip-path": `url(#${clip})` }, ...bars),
  );
}

export function latencies(frame, y, height) {
  const { drill, x, clip } = frame;
  const values = writers(drill).flatMap(({ seconds }) => seconds.map(({ max }) => max ?? 0));
  const decades = Math.max(2, Math.ceil(Math.log10(Math.max(...values, 1))));
  const top = (ms) => y + height * (1 - Math.log10(Math.max(1, ms)) / decades);
  const line = (seconds, key) =>
    seconds
      .map((second, index) => {
        if (second[key] === null) return "";
        const broken = index === 0 || seconds[index - 1][key] === null;
        return `${broken ? "M" : "L"}${x(second.second * 1000 + 500)} ${top(second[key])}${broken ? "h.01" : ""}`;
      })
      .join("");
  const series = writers(drill).flatMap(({ path, seconds }) => [
    svg("path", { class: `series faint ${path}`, d: line(seconds, "max") }),
    svg("path", { class: `series ${path}`, d: line(seconds, "p99") }),
  ]);
  const scale = Array.from({ length: decades + 1 }, (_, power) => power)
    .filter((power) => decades < 4 || power % 2 === 0)
    .map((power) => [top(10 ** power), power < 3 ? `${10 ** power} ms` : `${10 ** (power - 3)} s`]);
  return svg(
    "g",
    {},
    ...panel(frame, y, height, "latency: p99, and max faint", scale),
    svg("g", { "clip-path": `url(#${clip})` }, ...series),
  );
}
