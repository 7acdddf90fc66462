/* From strokes to an image as MNIST has it: the writing is scaled to fit a box of 20 by 20 pixels,
   and laid into 28 by 28 with its centre of mass in the middle (LeCun et al. 1998). A pen of one
   width draws it after scaling, so that small writing is not thicker than large writing. */

const SIDE = 28;
const BOX = 20;
const PEN = 2.4; // pixels, about what MNIST's writers had
const CENTRE = 14.5; // the middle of MNIST's pixel 14, where its digits have their centre of mass
const FINE = 8; // subpixels in each direction

const canvas = document.createElement("canvas");
canvas.width = canvas.height = SIDE * FINE;
const context = canvas.getContext("2d", { willReadFrequently: true });

/** Draw strokes with round ends and smooth bends, in the context's own units. */
export function trace(target, strokes) {
  for (const stroke of strokes) {
    target.beginPath();
    target.moveTo(stroke[0][0], stroke[0][1]);
    for (let i = 1; i < stroke.length - 1; i += 1) {
      const [x, y] = stroke[i];
      const [u, v] = stroke[i + 1];
      target.quadraticCurveTo(x, y, (x + u) / 2, (y + v) / 2);
    }
    target.lineTo(...stroke[stroke.length - 1]);
    target.stroke();
  }
}

/** Rasterize strokes after scaling by `scale` and moving the point `from` to the point `to`. */
function raster(strokes, scale, from, to) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(
    scale * FINE, 0, 0, scale * FINE,
    (to[0] - from[0] * scale) * FINE, (to[1] - from[1] * scale) * FINE);
  context.lineWidth = PEN / scale;
  context.lineCap = context.lineJoin = "round";
  trace(context, strokes);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const image = new Float32Array(SIDE * SIDE);
  for (let y = 0, at = 3; y < SIDE * FINE; y += 1) {
    for (let x = 0; x < SIDE * FINE; x += 1, at += 4) {
      image[((y / FINE) | 0) * SIDE + ((x / FINE) | 0)] += data[at];
    }
  }
  return image.map((sum) => sum / (255 * FINE * FINE));
}

function centreOfMass(image) {
  let [mass, x, y] = [0, 0, 0];
  image.forEach((value, i) => {
    mass += value;
    x += value * ((i % SIDE) + 0.5);
    y += value * (Math.floor(i / SIDE) + 0.5);
  });
  return [x / mass, y / mass];
}

/** Return 28 * 28 pixels in [0, 1] from strokes, in shares of the pad's side. */
export function toImage(strokes) {
  const points = strokes.flat();
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const extent = Math.max(right - left, bottom - top, 0.1); // a dot stays a dot
  const scale = (BOX - PEN) / extent;
  const middle = [(left + right) / 2, (top + bottom) / 2];
  const [x, y] = centreOfMass(raster(strokes, scale, middle, [CENTRE, CENTRE]));
  // All of the box stays inside, however uneven the writing.
  const place = [x, y].map((mass) =>
    Math.max(BOX / 2, Math.min(SIDE - BOX / 2, 2 * CENTRE - mass)));
  return raster(strokes, scale, middle, place);
}
