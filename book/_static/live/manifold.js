/* The first page: a ring on the sheet of digits, and what the decoder makes of its place. */

import { sigmoid, softplus } from "../lib/activations.js";
import { ARROWS, onDrag, place } from "../lib/hand.js";
import { dense, network } from "../lib/layers.js";
import { clamp, signed } from "../lib/numbers.js";
import { paint } from "../lib/pixels.js";

const STEP = 0.5; // of an arrow key, in columns and rows

/** The value between the values of a list, at a place that need not be whole. */
export function between(values, at) {
  const i = Math.min(Math.floor(at), values.length - 2);
  return values[i] + (at - i) * (values[i + 1] - values[i]);
}

/** Return a function from a code to the means of all pixels. */
export function load({ layers, inked }) {
  const hidden = network(layers.slice(0, -1), softplus);
  const toLogits = dense(layers.at(-1));
  return (z) => {
    const logits = toLogits(hidden(z)).values();
    return Float32Array.from(inked, (mark) => (mark === "1" ? sigmoid(logits.next().value) : 0));
  };
}

export function start(root, latest) {
  const { dials, labels, colors, ...decoder } = globalThis.VAETUT_EXPORT;
  const decode = load(decoder);
  const [plane, digit, words] = ["[role=slider]", "canvas", "[data-live=dials]"]
    .map((selector) => root.querySelector(selector));
  const { style } = root;
  const names = ["--column", "--row"];
  const home = names.map((name) => Number(style.getPropertyValue(name)));
  let at = home; // column and row of the ring, from 0
  let z = [];

  function set(next) {
    at = next.map((value, j) => clamp(value, 0, dials[j].length - 1));
    z = at.map((value, j) => between(dials[j], value));
    const [column, row] = at.map(Math.round);
    const label = labels[row * dials[0].length + column];
    paint(digit, decode(z), [colors[label]]);
    names.forEach((name, j) => style.setProperty(name, at[j]));
    const [across, up] = z.map((value) => signed(value, 2));
    const text = `${across} across and ${up} up`;
    words.textContent = text;
    plane.setAttribute("aria-valuenow", z[0].toFixed(2));
    plane.setAttribute("aria-valuetext", `${text}, near a place of the ${label}s`);
  }

  const follow = (event) =>
    set(place(plane, event).map((share, j) => share * dials[j].length - 0.5));
  onDrag(plane, follow, follow);

  plane.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [right, up] = ARROWS[event.key] ?? [];
    const step = STEP * (event.shiftKey ? 0.2 : 1);
    if (event.key === "Home") set(home);
    else if (event.key in ARROWS) set([at[0] + step * right, at[1] - step * up]);
    else return;
    event.preventDefault();
  });

  // A finger lay on the sheet before there was anybody to ask where.
  const touch = latest?.();
  if (plane.contains(touch?.target) && touch.pointerType === "touch") follow(touch);
  else set(home);
  return { get z() { return z; } }; // for tests
}
