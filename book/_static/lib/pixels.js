/* Images as ink on white paper, a pixel for a pixel. */

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

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
