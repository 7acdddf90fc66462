/* Chapter 6: what a posterior costs. Area under the integrand of (6.1), and the two parts of (6.4). */

import { scale, ticks } from "../lib/axes.js";
import { animate } from "../lib/motion.js";
import { signed } from "../lib/numbers.js";
import { axes, board, dot, line, path, sliders, text, write } from "./plot.js";

const Z = Array.from({ length: 601 }, (_, i) => -6 + 0.02 * i);
const ORANGE = "var(--posterior)";

const logDensity = (z, mu, sigma) =>
  -0.5 * (((z - mu) / sigma) ** 2 + Math.log(2 * Math.PI)) - Math.log(sigma);
const density = (z, mu, sigma) => Math.exp(logDensity(z, mu, sigma));
export const integrand = (z, mu, sigma) =>
  density(z, mu, sigma) * (logDensity(z, mu, sigma) - logDensity(z, 0, 1));

/** Return what the mean and the width pay, in nats. */
export const parts = (mu, sigma) => [
  0.5 * mu ** 2, 0.5 * (sigma ** 2 - 1 - Math.log(sigma ** 2)),
];

export function start(root) {
  let now = {}; // mu and sigma
  let [x, y] = [];

  function paint(width, height) {
    const { mu, sigma } = now;
    const price = Z.map((z) => integrand(z, mu, sigma));
    // Peaks of a narrow q would leave the picture: then, and only then, the scale gives way.
    const top = Math.max(1.2, 1.1 * Math.max(density(mu, mu, sigma), ...price));
    const box = { left: 52, right: width - 14, top: 14, bottom: height - 46 };
    x = scale([-6, 6], [box.left, box.right]);
    y = scale([-0.18 * Math.max(1, top / 3), top], [box.bottom, box.top]);

    const along = (f) => Z.map((z) => [x(z), y(f(z))]);
    const area = (clip, style) => path(
      [[x(-6), y(0)], ...Z.map((z, i) => [x(z), y(clip(price[i], 0))]), [x(6), y(0)]], style);
    const shoulder = y(density(mu + sigma, mu, sigma));
    const handle = { fill: "#fff", stroke: ORANGE, "stroke-width": 3 };
    return [
      axes({
        x, y, box, xTicks: ticks([-6, 6], width / 60), yTicks: ticks([0, top], 5), xLabel: "z",
        yLabel: "density",
      }),
      area(Math.max, { fill: ORANGE, "fill-opacity": 0.25 }),
      area(Math.min, { fill: "var(--data)", "fill-opacity": 0.3 }),
      line(box.left, y(0), box.right, y(0), { class: "live-axis" }),
      path(along((z) => density(z, 0, 1)), { stroke: "var(--prior)", "stroke-width": 2.5 }),
      path(along((z) => density(z, mu, sigma)), { stroke: ORANGE, "stroke-width": 2.5 }),
      line(x(mu), shoulder, x(mu + sigma), shoulder, { stroke: ORANGE, "stroke-dasharray": "3 3" }),
      dot(x(mu), y(density(mu, mu, sigma)), 7, handle),
      dot(x(mu + sigma), shoulder, 7, handle),
      text(x(mu) - 13, y(density(mu, mu, sigma)) + 4, "μ", { class: "live-name", "text-anchor": "end" }),
      text(x(mu + sigma) + 13, shoulder + 4, "σ", { class: "live-name" }),
    ].join("");
  }

  function handles() {
    const { mu, sigma } = now;
    return [
      { x: x(mu), y: y(density(mu, mu, sigma)), drag: (u) => set({ mu: x.invert(u) }) },
      {
        x: x(mu + sigma), y: y(density(mu + sigma, mu, sigma)),
        drag: (u) => set({ sigma: x.invert(u) - now.mu }),
      },
    ];
  }

  let refresh = () => {};
  const set = sliders(root, {
    show(values) {
      now = values;
      const [mean, width] = parts(now.mu, now.sigma);
      const numbers = { mean, width, kl: mean + width };
      write(root, Object.fromEntries(
        Object.entries(numbers).map(([name, value]) => [name, signed(value, 2)])));
      refresh();
      return `KL ${signed(mean + width, 2)} nats`;
    },
  });
  refresh = board(root.querySelector('[data-live="plot"]'), {
    label: "The prior, the posterior q, and the area that is the KL divergence between them. "
      + "Its parts are in the table below.",
    paint, handles,
  });

  let stop = () => {};
  /** Let q change into another one. */
  function walk(target) {
    stop();
    const from = now;
    stop = animate(400, (share) => set(Object.fromEntries(Object.entries(target).map(
      ([name, value]) => [name, from[name] + share * (value - from[name])]))));
  }
  root.querySelectorAll("button").forEach((button) => button.addEventListener("click", () =>
    walk({ mu: Number(button.dataset.mu), sigma: Number(button.dataset.sigma) })));

  return { handles }; // for tests
}
