/* What the live figures share: an SVG drawn in the screen's own pixels, axes, sliders, handles. */

import { signed } from "../lib/numbers.js";

const REACH = 30; // CSS pixels from which a handle can be taken

const tag = (name, attributes, content = "") =>
  `<${name} ${Object.entries(attributes).map(([k, v]) => `${k}="${v}"`).join(" ")}>${content}</${name}>`;

export const line = (x1, y1, x2, y2, style) => tag("line", { x1, y1, x2, y2, ...style });
export const dot = (cx, cy, r, style) => tag("circle", { cx, cy, r, ...style });
export const text = (x, y, content, style) => tag("text", { x, y, ...style }, content);

/** Draw a path through points on the screen. */
export const path = (points, style) =>
  tag("path", {
    d: points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""),
    fill: "none", "stroke-linejoin": "round", ...style,
  });

/** Draw grid lines with their numbers, and the names of both axes. */
export function axes({ x, y, box, xTicks, yTicks, xLabel, yLabel }) {
  const { left, right, top, bottom } = box;
  return [
    ...xTicks.map(({ value, label }) =>
      line(x(value), top, x(value), bottom, { class: "live-grid" })
      + text(x(value), bottom + 17, label, { "text-anchor": "middle" })),
    ...yTicks.map(({ value, label }) =>
      line(left, y(value), right, y(value), { class: "live-grid" })
      + text(left - 7, y(value) + 4, label, { "text-anchor": "end" })),
    text((left + right) / 2, bottom + 36, xLabel, { "text-anchor": "middle" }),
    text(0, 0, yLabel, {
      "text-anchor": "middle",
      transform: `translate(${left - 38} ${(top + bottom) / 2}) rotate(-90)`,
    }),
  ].join("");
}

/** Fill a box with an SVG.

    `paint(width, height)` returns its content, and `handles()` what can be taken: the place
    of each on the screen, and `drag(x)`, called with the pointer's. Type keeps its size,
    however wide the screen is. */
export function board(box, { label, paint, handles = () => [] }) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  box.replaceChildren(svg);

  let due = 0;
  function draw() {
    due = 0;
    const { clientWidth: width, clientHeight: height } = box;
    if (!width) return; // on paper
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.innerHTML = paint(width, height);
  }
  const refresh = () => { due ||= requestAnimationFrame(draw); };

  const at = (event) => {
    const { left, top } = svg.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  function nearest(event) {
    const [u, v] = at(event);
    const near = handles()
      .map((handle) => [Math.hypot(handle.x - u, handle.y - v), handle])
      .filter(([distance]) => distance < REACH)
      .sort(([a], [b]) => a - b);
    return near[0]?.[1];
  }
  let held = null;
  svg.addEventListener("pointerdown", (event) => {
    held = nearest(event);
    if (!held) return;
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (held) held.drag(at(event)[0]);
    svg.style.cursor = held || nearest(event) ? "ew-resize" : "";
  });
  ["pointerup", "pointercancel"].forEach((name) =>
    svg.addEventListener(name, () => { held = null; }));

  new ResizeObserver(refresh).observe(box);
  draw();
  return refresh;
}

/** Bind the sliders of a figure.

    `show(values)` writes what follows from them, and returns it in words: a screen reader
    says them after the slider's own value. Returns `set`, which moves sliders by a script. */
export function sliders(root, { read = (value) => value, show }) {
  const inputs = [...root.querySelectorAll("input[type=range]")];
  const values = () =>
    Object.fromEntries(inputs.map((input) => [input.dataset.live, read(Number(input.value))]));
  function update() {
    const now = values();
    const words = show(now);
    inputs.forEach((input) => {
      const value = signed(now[input.dataset.live], 2);
      input.nextElementSibling.textContent = value;
      input.setAttribute("aria-valuetext", `${value}; ${words}`);
    });
  }
  inputs.forEach((input) => input.addEventListener("input", update));
  update();
  return function set(wanted) {
    inputs.forEach((input) => {
      if (input.dataset.live in wanted) input.value = wanted[input.dataset.live];
    });
    update();
  };
}

/** Write numbers into the figure's table. */
export function write(root, numbers) {
  Object.entries(numbers).forEach(([name, value]) => {
    root.querySelector(`td[data-live="${name}"]`).textContent = value;
  });
}
