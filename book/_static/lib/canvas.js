/* What every drawing on a canvas needs: sharp lines on a fine screen, and text that is legible on
   anything. White paper in both themes, as in the book's figures. */

export const PAPER = "#ffffff";
const QUIET = "#555555"; // ink of numbers beside an axis

/** Fit a canvas to its box on the screen, clear it, and return its size in CSS pixels. */
export function fit(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [w, h] = [width, height].map((length) => Math.round(length * (window.devicePixelRatio || 1)));
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(w / width, 0, 0, h / height, 0, 0);
  context.fillStyle = PAPER;
  context.fillRect(0, 0, width, height);
  return { context, width, height };
}

/** Write text at a point, with a rim of paper. */
export function write(context, text, [x, y], { size = 12, weight = 400, color = QUIET, align = "center" } = {}) {
  context.font = `${weight} ${size}px system-ui, sans-serif`;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = PAPER;
  context.strokeText(text, x, y);
  context.fillStyle = color;
  context.fillText(text, x, y);
}

/** Fill a dot at each of many points at once. */
export function dots(context, points, radius) {
  context.beginPath();
  for (const [x, y] of points) {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
  context.fill();
}
