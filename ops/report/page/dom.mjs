/* global document */

/** Makes an element. Attributes that are undefined are left out. */
export const html = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

/** Makes an element of a drawing. */
export const svg = (name, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Round numbers from `from` to `to`, about `most` of them at most. */
export function ticks(from, to, most) {
  const rough = (to - from) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to + step / 1000; tick += step) found.push(tick);
  return found;
}
