/* The latent plane, as playground and trainer draw it. A view { x, y, half } is the square that is
   seen: its middle, and half its side. */

import { ticks } from "./axes.js";
import { PAPER, dots, write } from "./canvas.js";

/** The maps between the plane and a square of `width` CSS pixels that shows a view of it. */
export function project(view, width) {
  const perUnit = width / (2 * view.half);
  return {
    perUnit,
    toScreen: ([x, y]) => [(x - view.x + view.half) * perUnit, (view.y + view.half - y) * perUnit],
    toPlane: ([u, v]) => [u / perUnit + view.x - view.half, view.y + view.half - v / perUnit],
  };
}

/** The points of each class. */
export const byClass = (points, labels) =>
  Array.from({ length: 10 }, (_, digit) => points.filter((_, i) => labels[i] === digit));

/** Where the classes' names stand: at their medians, and not on each other. */
export function namePlaces(classes, apart) {
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const places = classes.map((points) => [0, 1].map((j) => median(points.map((p) => p[j]))));
  for (let round = 0; round < 50; round += 1) {
    places.forEach((a, i) => places.slice(i + 1).forEach((b) => {
      const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
      const distance = Math.hypot(dx, dy) || 1e-6;
      const push = Math.max(0, apart - distance) / (2 * distance);
      a[0] -= push * dx;
      a[1] -= push * dy;
      b[0] += push * dx;
      b[1] += push * dy;
    }));
  }
  return places;
}

/** The numbers of both axes, and the paper on which they stand: no dot is there, not even in part. */
function axes(context, view, width) {
  const size = width < 420 ? 11 : 12;
  const [across, up] = [view.x, view.y].map((middle) =>
    ticks([middle - 0.85 * view.half, middle + 0.75 * view.half], 7));
  context.font = `${size}px system-ui, sans-serif`;
  const widest = Math.max(...up.map(({ label }) => context.measureText(label).width));
  return { size, across, up, left: widest + 10, bottom: width - 20 };
}

/** Draw the codes of each class as dots of its colour. */
export function drawCodes(context, view, width, classes, radius, { digits }) {
  const { toScreen } = project(view, width);
  const { left, bottom } = axes(context, view, width);
  const seen = ([u, v]) =>
    u > left + radius && u < width + radius && v > -radius && v < bottom - radius;
  context.globalAlpha = 0.65;
  classes.forEach((points, digit) => {
    context.fillStyle = digits[digit];
    dots(context, points.map(toScreen).filter(seen), radius);
  });
  context.globalAlpha = 1;
}

/** Draw the prior's contours, the classes' names if there are any, and the numbers of both axes. */
export function drawFrame(context, view, width, names, colors) {
  const { toScreen, perUnit } = project(view, width);
  const { size, across, up, left, bottom } = axes(context, view, width);
  context.strokeStyle = colors.prior;
  context.lineWidth = 1.4;
  for (const radius of [1, 2, 3]) {
    context.beginPath();
    context.arc(...toScreen([0, 0]), radius * perUnit, 0, 2 * Math.PI);
    context.stroke();
  }
  const name = { size: width < 420 ? 17 : 21, weight: 650, color: colors.data };
  names.forEach((at, digit) => write(context, String(digit), toScreen(at), name));
  for (const radius of perUnit > 24 ? [1, 2, 3] : [3]) {
    const at = toScreen([radius * Math.SQRT1_2, radius * Math.SQRT1_2]);
    write(context, `${radius}σ`, at, { size, weight: 600, color: colors.prior });
  }

  context.fillStyle = PAPER;
  context.fillRect(0, 0, left, width);
  context.fillRect(0, bottom, width, width - bottom);
  for (const { value, label } of across) {
    write(context, label, [toScreen([value, 0])[0], width - 10], { size });
  }
  for (const { value, label } of up) {
    write(context, label, [left - 4, toScreen([0, value])[1]], { size, align: "right" });
  }
  write(context, "z₁", [width - 14, width - 10], { size, color: colors.data });
  write(context, "z₂", [left - 4, 12], { size, color: colors.data, align: "right" });
}
