/* What every picture on a canvas needs: pixels as ink on paper, sharp lines on a fine screen,
   and text that is legible on anything. White paper in both themes, as in the book's figures. */

export const PAPER = "#ffffff";
const QUIET = "#555555"; // ink of numbers beside an axis

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

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

/** Paint square images with pixels in [0, 1], one for each hex colour of ink, in rows of `columns`;
    on paper, or (`clear`) on nothing. */
export function paint(canvas, pixels, inks, { columns = 1, gap = 0, clear = false } = {}) {
  const size = pixels.length / inks.length;
  const side = Math.sqrt(size);
  const rows = Math.ceil(inks.length / columns);
  const [width, height] = [columns, rows].map((n) => n * (side + gap) - gap);
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height); // transparent between the images
  inks.map(rgb).forEach((ink, n) => {
    const left = (n % columns) * (side + gap);
    const top = Math.floor(n / columns) * (side + gap);
    for (let i = 0; i < size; i += 1) {
      const at = 4 * ((top + Math.floor(i / side)) * width + left + (i % side));
      const value = pixels[n * size + i];
      for (let c = 0; c < 3; c += 1) image.data[at + c] = clear ? ink[c] : 255 + value * (ink[c] - 255);
      image.data[at + 3] = clear ? 255 * value : 255;
    }
  });
  context.putImageData(image, 0, 0);
}
