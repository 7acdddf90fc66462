/* The latent plane: codes of test digits or decoded digits, the prior's contours, q(z|x), and z.
   What stands still is drawn once and kept; the rest is drawn again in every frame. */

import { PAPER, dots, fit, write } from "../lib/canvas.js";
import { clamp } from "../lib/numbers.js";
import { paint } from "../lib/pixels.js";
import { byClass, drawCodes, drawFrame, namePlaces, project } from "../lib/plane.js";
import { classNear } from "./codes.js";

export const LIMIT = 4; // in the prior's standard deviations
const CARD = 62; // CSS pixels: the decoded digit that follows z
const CELL = 30; // CSS pixels: one digit of the decoded background
const SLICE = 6; // ms of background work in a frame
const APART = 0.5; // between the names of two classes
const ORANGE_TEXT = "#a74800"; // the posterior's orange, dark enough to read

export const whole = { x: 0, y: 0, half: LIMIT };

/** Draw a mean's cross and the contours around it, each [mean, sigma] already on the screen. */
function drawGaussian(context, [x, y], [a, b], color) {
  context.fillStyle = `${color}30`;
  context.strokeStyle = color;
  for (const radius of [3, 2, 1]) {
    context.beginPath();
    context.ellipse(x, y, radius * a, radius * b, 0, 0, 2 * Math.PI);
    context.fill();
    context.lineWidth = radius === 1 ? 2 : 1;
    context.stroke();
  }
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x - 5, y);
  context.lineTo(x + 5, y);
  context.moveTo(x, y - 5);
  context.lineTo(x, y + 5);
  context.stroke();
}

/** Make the plane of a model on a canvas. */
export function create(canvas, model) {
  const { colors } = model;
  const classes = byClass(model.points, model.labels);
  const names = namePlaces(classes, APART);
  const context = canvas.getContext("2d");
  const still = document.createElement("canvas");
  const ground = still.getContext("2d");
  const cell = document.createElement("canvas");

  let view = whole;
  let decoded = false; // whether the background is decoded digits
  let cells = []; // of that background, still to be drawn
  let stale = true;
  let width = 0; // CSS pixels

  const toScreen = (z) => project(view, width).toScreen(z);
  const toPlane = (at) => project(view, width).toPlane(at);

  // ---------------------------------------------------------------- what stands still

  function drawStill() {
    stale = false;
    still.width = still.height = canvas.width;
    ground.setTransform(context.getTransform());
    ground.fillStyle = PAPER;
    ground.fillRect(0, 0, width, width);
    cells = [];
    if (decoded) {
      const count = Math.round(width / CELL);
      const size = width / count;
      cells = Array.from({ length: count * count }, (_, i) =>
        [(i % count) * size, Math.floor(i / count) * size, size]);
    } else {
      const radius = clamp(width / 260, 1.3, 2.2) * Math.min(2.2, (LIMIT / view.half) ** 0.3);
      drawCodes(ground, view, width, classes, radius, colors);
    }
    frame();
  }

  const frame = () => drawFrame(ground, view, width, decoded ? [] : names, colors);

  /** Draw some more cells of the decoded background; say whether any are left. */
  function drawCells() {
    const until = performance.now() + SLICE;
    while (cells.length && performance.now() < until) {
      const [x, y, size] = cells.shift();
      const z = toPlane([x + size / 2, y + size / 2]);
      const color = colors.digits[classNear(model, z)];
      paint(cell, model.mean(model.decode(z)), [color], { clear: true });
      ground.drawImage(cell, x, y, size, size);
      if (!cells.length) frame();
    }
    return cells.length > 0;
  }

  // ---------------------------------------------------------------- what moves

  /** Draw q(z|x), its samples, and the way from its mean to z, if that began there. */
  function drawPosterior({ q, z, how, samples }, place, scale, dot) {
    const at = place(q.mu);
    drawGaussian(context, at, Array.from(q.sigma, (sigma) => sigma * scale), colors.posterior);
    context.fillStyle = colors.posterior;
    dots(context, samples.map((sample) => place(sample.z)), dot);
    if (how === "prior") return;
    context.setLineDash([4, 3]);
    context.lineWidth = 1.4;
    context.strokeStyle = colors.data;
    context.beginPath();
    context.moveTo(...at);
    context.lineTo(...place(z));
    context.stroke();
    context.setLineDash([]);
  }

  function drawHandle(at, radius) {
    context.fillStyle = colors.data;
    dots(context, [at], radius);
    context.lineWidth = 2;
    context.strokeStyle = PAPER;
    context.stroke();
  }

  function drawBox(left, top, side, color) {
    context.beginPath();
    context.roundRect(left, top, side, side, 7);
    context.fillStyle = PAPER;
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = color;
    context.stroke();
  }

  /** A corner for a box of this side where neither z nor the ellipse is. */
  function freeCorner(side, busy) {
    const [near, far, high, low] = [26, width - side - 10, 10, width - side - 24];
    const free = ([left, top]) => busy.every(([x, y]) =>
      x < left - 12 || x > left + side + 12 || y < top - 12 || y > top + side + 12);
    return [[far, low], [near, low], [near, high]].find(free) ?? [far, high];
  }

  /** A small map of q(z|x), since on the plane it is a speck; and a line from one to the other. */
  function drawInset(scene) {
    const { mu, sigma } = scene.q;
    const at = toScreen(mu);
    const side = Math.round(clamp(0.25 * width, 92, 150));
    const [left, top] = freeCorner(side, [at, toScreen(scene.z)]);
    const middle = [left + side / 2, top + side / 2];
    const scale = side / (8.4 * Math.max(...sigma));
    const place = ([x, y]) => [middle[0] + (x - mu[0]) * scale, middle[1] - (y - mu[1]) * scale];

    const angle = Math.atan2(middle[1] - at[1], middle[0] - at[0]);
    context.strokeStyle = colors.posterior;
    context.lineWidth = 1.2;
    context.beginPath();
    context.arc(...at, 11, angle, angle + 2 * Math.PI);
    context.lineTo(...middle);
    context.stroke();

    drawBox(left, top, side, colors.posterior);
    context.save();
    context.clip();
    drawPosterior(scene, place, scale, 1.5);
    drawHandle(place(scene.z), 4);
    write(context, "q(z|x)", [left + 26, top + 13],
      { size: 12, weight: 600, color: ORANGE_TEXT });
    context.restore();
  }

  /** The decoded digit, on a card beside z, on the side that has room. */
  function drawCard(picture, at) {
    const [x, y] = at.map((value) => clamp(value, 0, width)); // z may lie off the plane
    const size = width < 420 ? CARD - 8 : CARD;
    const left = x + 18 + size > width ? x - 18 - size : x + 18;
    const top = y - 18 - size < 0 ? y + 18 : y - 18 - size;
    drawBox(left, top, size, "#9aa3ad");
    context.drawImage(picture, left + 3, top + 3, size - 6, size - 6);
  }

  return {
    toPlane,
    /** Draw a scene: z, its decoded picture, and q with its samples; say whether more is to come. */
    draw(scene) {
      ({ width } = fit(canvas));
      if (stale || still.width !== canvas.width) drawStill();
      const more = drawCells();
      context.drawImage(still, 0, 0, width, width);
      const { perUnit } = project(view, width);
      const at = toScreen(scene.z);
      if (scene.q && scene.close) drawPosterior(scene, toScreen, perUnit, 2.6);
      else if (scene.q) {
        drawPosterior(scene, toScreen, perUnit, 1.2);
        drawInset(scene);
      }
      drawCard(scene.picture, at);
      drawHandle(at, 7);
      return more;
    },
    get view() { return view; },
    set view(next) {
      view = next;
      stale = true;
    },
    set decoded(value) {
      decoded = value;
      stale = true;
    },
  };
}
