/* The trainer's plane: codes of held-out images, the prior, and some posteriors. */

import { fit } from "../lib/canvas.js";
import { clamp } from "../lib/numbers.js";
import { drawCodes, drawFrame, project } from "../lib/plane.js";

/** Draw codes by class, where their names stand, and q(z|x) of some at one σ; `half` the side. */
export function drawPlane(canvas, { classes, names, posteriors, half }, colors) {
  const { context, width } = fit(canvas);
  const view = { x: 0, y: 0, half };
  const { toScreen, perUnit } = project(view, width);
  drawCodes(context, view, width, classes, clamp(width / 190, 1.8, 2.6), colors);

  context.strokeStyle = colors.posterior;
  context.fillStyle = `${colors.posterior}12`;
  context.lineWidth = 1.4;
  for (const { mu, sigma } of posteriors) {
    const [a, b] = sigma.map((value) => Math.max(1, value * perUnit));
    context.beginPath();
    context.ellipse(...toScreen(mu), a, b, 0, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
  drawFrame(context, view, width, names, colors);
}
