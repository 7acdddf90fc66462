/* Axes: from values to places on the screen, and the round numbers that stand there. */

import { signed } from "./numbers.js";

/** The map from [low, high] onto [from, to], with its inverse. */
export function scale([low, high], [from, to]) {
  const map = (value) => from + ((value - low) / (high - low)) * (to - from);
  map.invert = (place) => low + ((place - from) / (to - from)) * (high - low);
  return map;
}

/** The multiples in [low, high] of 1, 2 or 5 times a power of ten that cuts it into at most `most`
    parts: { value, label } for each. */
export function ticks([low, high], most) {
  const rough = ((high - low) / most) * (1 - 1e-9);
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(low / step - 1e-9);
  const length = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length }, (_, i) => {
    const value = Number(((first + i) * step).toPrecision(12));
    return { value, label: signed(value, digits) };
  });
}
