/* What the trainer shows, each by a function of a canvas and numbers: the latent plane, the learning
   curves, and rows of small images. White paper in both themes, as in the book's figures. */

(function () {
  "use strict";

  const PAPER = "#ffffff";
  const RULE = "#dddddd";
  const QUIET = "#555555";

  const signed = (value, digits) => value.toFixed(digits).replace("-", "−");
  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  /** Fit a canvas to its box on the screen, clear it, and return its size in CSS pixels. */
  function fit(canvas) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const fine = window.devicePixelRatio || 1;
    const [w, h] = [width, height].map((length) => Math.round(length * fine));
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const context = canvas.getContext("2d");
    context.setTransform(fine, 0, 0, fine, 0, 0);
    context.fillStyle = PAPER;
    context.fillRect(0, 0, width, height);
    return { context, width, height };
  }

  function write(context, text, x, y, { color = QUIET, size = 12, weight = 400, align = "center" } = {}) {
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

  /** A step of 1, 2 or 5 times a power of ten that divides `span` into at most `most` parts. */
  function niceStep(span, most) {
    const power = 10 ** Math.floor(Math.log10(span / most));
    return [1, 2, 5, 10].map((k) => k * power).find((step) => span / step <= most);
  }

  // ------------------------------------------------------------------ the latent plane

  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

  /** Where the classes' names stand: at their medians, moved apart where those are close. */
  function places(z, labels, apart) {
    const at = Array.from({ length: 10 }, (_, digit) => [0, 1].map((j) =>
      median(Array.from(labels.keys()).filter((i) => labels[i] === digit).map((i) => z[2 * i + j]))));
    for (let round = 0; round < 30; round += 1) {
      at.forEach((a, i) => at.slice(i + 1).forEach((b) => {
        const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
        const distance = Math.hypot(dx, dy) || 1e-6;
        const push = Math.max(0, apart - distance) / (2 * distance);
        a[0] -= push * dx;
        a[1] -= push * dy;
        b[0] += push * dx;
        b[1] += push * dy;
      }));
    }
    return at;
  }

  /** Dots are codes of held-out images, blue circles the prior, ellipses some posteriors. */
  function plane(canvas, { z, mu, sigma, names, half }, labels, colors) {
    const { context, width } = fit(canvas);
    const scale = width / (2 * half);
    const [x, y] = [(value) => width / 2 + value * scale, (value) => width / 2 - value * scale];
    const radius = Math.max(1.8, Math.min(2.6, width / 190));

    context.globalAlpha = 0.7;
    colors.digits.forEach((color, digit) => {
      context.fillStyle = color;
      context.beginPath();
      labels.forEach((label, i) => {
        if (label !== digit) return;
        const [u, v] = [x(z[2 * i]), y(z[2 * i + 1])];
        context.moveTo(u + radius, v);
        context.arc(u, v, radius, 0, 2 * Math.PI);
      });
      context.fill();
    });
    context.globalAlpha = 1;

    context.strokeStyle = colors.posterior;
    context.fillStyle = `${colors.posterior}12`;
    context.lineWidth = 1.4;
    for (let i = 0; i < mu.length; i += 2) {
      context.beginPath();
      context.ellipse(x(mu[i]), y(mu[i + 1]),
        Math.max(1, sigma[i] * scale), Math.max(1, sigma[i + 1] * scale), 0, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }

    context.strokeStyle = colors.prior;
    context.lineWidth = 1.4;
    for (const r of [1, 2, 3]) {
      context.beginPath();
      context.arc(x(0), y(0), r * scale, 0, 2 * Math.PI);
      context.stroke();
    }
    const size = width < 420 ? 16 : 20;
    names.forEach(([u, v], digit) => {
      write(context, String(digit), x(u), y(v), { color: colors.data, size, weight: 650 });
    });
    for (const r of scale > 24 ? [1, 2, 3] : [3]) {
      const at = r * Math.SQRT1_2;
      write(context, `${r}σ`, x(at), y(at), { color: colors.prior, weight: 600 });
    }

    const step = niceStep(2 * half, 9);
    for (let k = -Math.floor((0.9 * half) / step); k * step <= 0.9 * half; k += 1) {
      const text = signed(k * step, 0);
      write(context, text, x(k * step), width - 11);
      write(context, text, 14, y(k * step));
    }
    write(context, "z₁", width - 14, width - 11, { color: colors.data });
    write(context, "z₂", 14, 12, { color: colors.data });
  }

  // ------------------------------------------------------------------ the learning curves

  /** Above distortion and sum, below the rate: over the images seen, in nats. The history's entries
      are { images, beta, training, heldOut }; a thick line is held out, a thin one training. */
  function curves(canvas, history, colors) {
    const { context, width, height } = fit(canvas);
    const [left, right, foot] = [40, 86, 34];
    const seen = Math.max(1000, history.length ? history[history.length - 1].images : 0);
    const x = (images) => left + (images / seen) * (width - left - right);
    const sum = (cost) => cost.distortion + cost.rate;
    const distortion = (cost) => cost.distortion;
    const rate = (cost) => cost.rate;

    // The fall at the very beginning would press all that follows into a line.
    const late = history.filter((entry) => entry.images >= 0.08 * seen);
    const values = (of) => late.flatMap((entry) =>
      [entry.heldOut, entry.training].filter(Boolean).map(of));
    const [high, low] = [Math.max(0, ...values(sum)), Math.min(...values(distortion))];
    const cut = 0.62 * (height - foot);
    const upper = late.length && high - low > 1e-3
      ? { top: 22, bottom: cut, from: low - 0.06 * (high - low), to: high + 0.04 * (high - low) }
      : { top: 22, bottom: cut, from: 0, to: 140 };
    const lower = { top: cut + 20, bottom: height - foot, from: 0, to: Math.max(1, ...values(rate)) * 1.1 };

    function axis({ top, bottom, from, to }, most) {
      const y = (value) => bottom - ((value - from) / (to - from)) * (bottom - top);
      const step = niceStep(to - from, most);
      for (let k = Math.ceil(from / step); k * step <= to; k += 1) {
        context.fillStyle = RULE;
        context.fillRect(left, y(k * step) - 0.5, width - left - right, 1);
        write(context, signed(k * step, step < 1 ? 1 : 0), left - 8, y(k * step), { align: "right" });
      }
      return y;
    }
    const [yUpper, yLower] = [axis(upper, 5), axis(lower, 3)];

    // Where beta was changed; of marks too close to each other, the last one gets a name.
    const marks = history.flatMap(({ beta }, i) =>
      i && beta === history[i - 1].beta ? [] : [{ beta, at: x(i ? history[i - 1].images : 0) }]);
    marks.forEach(({ beta, at }, i) => {
      context.fillStyle = "#8a8f96";
      context.fillRect(at - 0.5, 20, 1, height - foot - 20);
      if (i + 1 < marks.length && marks[i + 1].at - at < 48) return;
      write(context, `β = ${beta}`, Math.max(at, left + 18), 10, { color: colors.data });
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
      write(context, name, width - right + 8, y, { color, weight: 600, size: 13, align: "left" });
    }

    const step = niceStep(seen, width < 480 ? 4 : 7);
    for (let images = 0; images <= seen; images += step) {
      const text = images === 0 ? "0" : `${+(images / 1000).toFixed(1)}k`;
      write(context, text, x(images), height - foot + 12);
    }
    write(context, "images seen", left + (width - left - right) / 2, height - 8, { color: colors.data });
    write(context, "nats", 4, 10, { align: "left", color: colors.data });
  }

  // ------------------------------------------------------------------ images

  /** Paint square images, with pixels in [0, 1], into a grid; ink on paper, a colour for each. */
  function images(canvas, pixels, columns, inks, gap = 0) {
    const size = pixels.length / inks.length;
    const side = Math.sqrt(size);
    const rows = Math.ceil(inks.length / columns);
    const [width, height] = [columns, rows].map((n) => n * (side + gap) - gap);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height); // transparent between the images
    inks.forEach((ink, n) => {
      const left = (n % columns) * (side + gap);
      const top = Math.floor(n / columns) * (side + gap);
      for (let i = 0; i < size; i += 1) {
        const at = 4 * ((top + Math.floor(i / side)) * width + left + (i % side));
        const value = pixels[n * size + i];
        for (let c = 0; c < 3; c += 1) image.data[at + c] = 255 + value * (ink[c] - 255);
        image.data[at + 3] = 255;
      }
    });
    context.putImageData(image, 0, 0);
  }

  globalThis.VAETUT_TRAINER_DRAW = { plane, places, curves, images, rgb, signed };
})();
