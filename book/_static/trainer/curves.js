/* The learning curves: over the images seen, in nats. */

import { ticks } from "../lib/axes.js";
import { fit, write } from "../lib/canvas.js";

const RULE = "#dddddd";
const MARK = "#8a8f96";
const FALL = 100; // nats: what a training may well save, so that the axis stays as it is

const sum = (cost) => cost.distortion + cost.rate;
const distortion = (cost) => cost.distortion;
const rate = (cost) => cost.rate;

/** What the axes run through, from the first point on: above distortion and sum, below the rate. */
export function costRanges(history) {
  const values = (of) => history.flatMap((entry) =>
    [entry.heldOut, entry.training].filter(Boolean).map(of));
  const high = Math.max(...values(sum));
  const low = Math.min(high - FALL, ...values(distortion));
  const room = 0.04 * (high - low);
  return {
    upper: { from: low - room, to: high + room },
    lower: { from: 0, to: 1.1 * Math.max(1, ...values(rate)) },
  };
}

/** Above distortion and sum, below the rate: over the images seen, in nats. The history's entries
    are { images, beta, training, heldOut }; a thick line is held out, a thin one training. */
export function drawCurves(canvas, history, colors) {
  const { context, width, height } = fit(canvas);
  const [left, right, foot] = [40, 86, 34];
  const seen = Math.max(1000, history.length ? history[history.length - 1].images : 0);
  const x = (images) => left + (images / seen) * (width - left - right);
  const ranges = costRanges(history);
  const cut = 0.62 * (height - foot);
  const upper = { top: 22, bottom: cut, ...ranges.upper };
  const lower = { top: cut + 20, bottom: height - foot, ...ranges.lower };

  function axis({ top, bottom, from, to }, most) {
    const y = (value) => bottom - ((value - from) / (to - from)) * (bottom - top);
    for (const { value, label } of ticks([from, to], most)) {
      context.fillStyle = RULE;
      context.fillRect(left, y(value) - 0.5, width - left - right, 1);
      write(context, label, [left - 8, y(value)], { align: "right" });
    }
    return y;
  }
  const [yUpper, yLower] = [axis(upper, 6), axis(lower, 3)];

  // Where beta was changed; of marks too close to each other, the last one gets a name.
  const marks = history.flatMap(({ beta }, i) =>
    i && beta === history[i - 1].beta ? [] : [{ beta, at: x(i ? history[i - 1].images : 0) }]);
  marks.forEach(({ beta, at }, i) => {
    context.fillStyle = MARK;
    context.fillRect(at - 0.5, 20, 1, height - foot - 20);
    if (i + 1 < marks.length && marks[i + 1].at - at < 48) return;
    write(context, `β = ${beta}`, [Math.max(at, left + 18), 10], { color: colors.data });
  });

  const ends = []; // names stand at the curves' ends, and don't touch
  function line(of, { top, bottom }, y, color, name) {
    context.save();
    context.beginPath();
    context.rect(left - 2, top - 4, width - left - right + 4, bottom - top + 8);
    context.clip();
    context.strokeStyle = color;
    context.lineJoin = "round";
    for (const [which, thickness, alpha] of [["training", 1, 0.75], ["heldOut", 2.4, 1]]) {
      const points = history.filter((entry) => entry[which]);
      context.beginPath();
      points.forEach((entry, i) => {
        context[i ? "lineTo" : "moveTo"](x(entry.images), y(of(entry[which])));
      });
      context.lineWidth = thickness;
      context.globalAlpha = alpha;
      context.stroke();
    }
    context.restore();
    if (!history.length) return;
    const end = y(of(history[history.length - 1].heldOut));
    ends.push({ y: Math.max(top, Math.min(bottom, end)), color, name });
  }
  line(sum, upper, yUpper, colors.model, "sum");
  line(distortion, upper, yUpper, colors.likelihood, "distortion");
  line(rate, lower, yLower, colors.posterior, "rate");
  if (ends.length && ends[1].y - ends[0].y < 15) {
    const middle = (ends[0].y + ends[1].y) / 2;
    [ends[0].y, ends[1].y] = [middle - 7.5, middle + 7.5];
  }
  for (const { y, color, name } of ends) {
    write(context, name, [width - right + 8, y], { color, weight: 600, size: 13, align: "left" });
  }

  for (const { value } of ticks([0, seen], width < 480 ? 4 : 7)) {
    const text = value === 0 ? "0" : `${+(value / 1000).toFixed(1)}k`;
    write(context, text, [x(value), height - foot + 12]);
  }
  const middle = left + (width - left - right) / 2;
  write(context, "images seen", [middle, height - 8], { color: colors.data });
  write(context, "nats", [4, 10], { align: "left", color: colors.data });
}
