/* What every picture on a canvas needs: pixels as ink on paper, sharp lines on a fine screen,
   and text that is legible on anything. */

(function () {
  "use strict";

  const PAPER = "#ffffff";

  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  /** Paint pixels in [0, 1] as ink of a hex colour, on paper or (`clear`) on nothing. */
  function paint(canvas, pixels, color, clear = false) {
    const side = Math.sqrt(pixels.length);
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    const image = context.createImageData(side, side);
    const ink = rgb(color);
    for (let i = 0; i < pixels.length; i += 1) {
      for (let c = 0; c < 3; c += 1) {
        image.data[4 * i + c] = clear ? ink[c] : 255 + pixels[i] * (ink[c] - 255);
      }
      image.data[4 * i + 3] = clear ? 255 * pixels[i] : 255;
    }
    context.putImageData(image, 0, 0);
  }

  /** Fit a square canvas to its box on the screen; return its width in CSS pixels. */
  function fit(canvas) {
    const width = canvas.clientWidth;
    const pixels = Math.round(width * (window.devicePixelRatio || 1));
    if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
    canvas.getContext("2d").setTransform(pixels / width, 0, 0, pixels / width, 0, 0);
    return width;
  }

  /** Write text around a point, with a rim of paper. */
  function write(context, text, [x, y], { size, weight = 400, color }) {
    context.font = `${weight} ${size}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4;
    context.strokeStyle = PAPER;
    context.strokeText(text, x, y);
    context.fillStyle = color;
    context.fillText(text, x, y);
  }

  /** Fill a dot at each of many points at once. */
  function dots(context, points, radius) {
    context.beginPath();
    for (const [x, y] of points) {
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
    context.fill();
  }

  globalThis.VAETUT_CANVAS = { PAPER, paint, fit, write, dots };
})();
