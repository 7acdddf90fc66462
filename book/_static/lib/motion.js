/* Motion, for those who have not asked for less of it. */

import { clamp } from "./numbers.js";

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Call a function after so many frames. */
export function afterFrames(count, act) {
  requestAnimationFrame(count > 1 ? () => afterFrames(count - 1, act) : act);
}

/** Call `step` with eased shares of the way from 0 to 1, `after` so many ms; return how to stop. */
export function animate(duration, step, after = 0) {
  if (calm()) {
    step(1);
    return () => {};
  }
  const began = performance.now() + after;
  let frame = requestAnimationFrame(function next(now) {
    const t = clamp((now - began) / duration, 0, 1);
    if (t < 1) frame = requestAnimationFrame(next);
    step(t * t * (3 - 2 * t));
  });
  return () => cancelAnimationFrame(frame);
}
