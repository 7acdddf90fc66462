/* Chapter 5: the same noise at every μ, or new noise at every μ. Which average has a slope? */

import { scale, ticks } from "../lib/axes.js";
import { normal } from "../lib/chance.js";
import { signed } from "../lib/numbers.js";
import { axes, board, dot, line, path, sliders, text, write } from "./plot.js";

const DRAWS = 20;
const STEP = 0.05; // of the slider for μ, and of the curves
const MEANS = Array.from({ length: 121 }, (_, i) => -3 + STEP * i);
const TARGET = -1; // the x of the chapter's smallest VAE: a code costs ½ (z − x)²
const [ORANGE, GREY, INK] = ["var(--posterior)", "#6b6b6b", "var(--data)"];

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const cost = (z) => 0.5 * (z - TARGET) ** 2;

const noise = () => Array.from({ length: DRAWS }, () => normal());

/** Return the average cost of the codes μ + σε, and its derivative in μ. */
export function average(mu, sigma, eps) {
  const z = eps.map((e) => mu + sigma * e);
  return { z, cost: mean(z.map(cost)), slope: mean(z.map((value) => value - TARGET)) };
}
export const exact = (mu, sigma) => ({
  cost: 0.5 * ((mu - TARGET) ** 2 + sigma ** 2), slope: mu - TARGET,
});

export function start(root) {
  const state = { mu: 0, sigma: 0, eps: noise(), fresh: [] };
  const index = () => Math.round((state.mu - MEANS[0]) / STEP);
  const freshAt = (i) => average(MEANS[i], state.sigma, state.fresh[i]);
  /** The slope of the jagged curve: from the left neighbour to the right one. */
  function freshSlope() {
    const [low, high] = [Math.max(0, index() - 1), Math.min(MEANS.length - 1, index() + 1)];
    return (freshAt(high).cost - freshAt(low).cost) / (MEANS[high] - MEANS[low]);
  }

  let [x, y] = [];

  function paint(width, height) {
    const { mu, sigma, eps } = state;
    const box = { left: 52, right: width - 14, top: 0.47 * height, bottom: height - 46 };
    x = scale([-5, 5], [box.left, box.right]);
    y = scale([0, 11], [box.bottom, box.top]);
    const inside = (value) => Math.abs(value) < 5;
    const rows = [0.09, 0.24, 0.38].map((share) => share * height);
    const [fixed, fresh] = [average(mu, sigma, eps), freshAt(index())];

    const curve = (f) => MEANS.map((m, i) => [x(m), y(f(m, i).cost)]);
    const tangent = [-0.8, 0.8].map((d) => [x(mu + d), y(fixed.cost + d * fixed.slope)]);
    const row = (values, at, style) =>
      values.filter(inside).map((value) => dot(x(value), at, 4.5, style)).join("");
    const name = (at, content) =>
      text(box.left - 34, at - 12, content, { class: "live-name live-halo" });
    const solid = { fill: ORANGE, "fill-opacity": 0.8 };
    const hollow = { fill: "#fff", "fill-opacity": 0.7, stroke: GREY, "stroke-width": 1.5 };
    return [
      axes({
        x, y, box, xTicks: ticks([-5, 5], 10), yTicks: ticks([0, 11], 3), xLabel: "μ, and z",
        yLabel: "average cost (nats)",
      }),
      line(x(mu), rows[1] - 10, x(mu), box.bottom, { stroke: ORANGE, "stroke-dasharray": "3 3" }),
      ...eps.map((e, k) => inside(e) && inside(fixed.z[k])
        ? line(x(e), rows[0], x(fixed.z[k]), rows[1], { stroke: ORANGE, "stroke-opacity": 0.35 })
        : ""),
      ...rows.map((at) => line(box.left, at, box.right, at, { class: "live-grid" })),
      row(eps, rows[0], { fill: GREY }),
      row(fixed.z, rows[1], solid),
      row(fresh.z, rows[2], hollow),
      name(rows[0], "ε"), name(rows[1], "z = μ + σε"), name(rows[2], "z, new draws"),
      path(curve((_, i) => freshAt(i)), { stroke: GREY, "stroke-width": 1.2 }),
      path(curve((m) => exact(m, sigma)), { stroke: INK, "stroke-width": 1.5, "stroke-dasharray": "6 4" }),
      path(curve((m) => average(m, sigma, eps)), { stroke: ORANGE, "stroke-width": 2.5 }),
      path(tangent, { stroke: ORANGE, "stroke-width": 5, "stroke-opacity": 0.45, "stroke-linecap": "round" }),
      dot(x(mu), y(fresh.cost), 5, { ...hollow, "fill-opacity": 1 }),
      dot(x(mu), y(fixed.cost), 7, { fill: "#fff", stroke: ORANGE, "stroke-width": 3 }),
    ].join("");
  }

  let refresh = () => {};
  function show() {
    const { mu, sigma, eps } = state;
    const [truth, fixed] = [exact(mu, sigma), average(mu, sigma, eps)];
    const fresh = { cost: freshAt(index()).cost, slope: freshSlope() };
    write(root, {
      exact: signed(truth.cost, 2), exactSlope: signed(truth.slope, 2),
      fixed: signed(fixed.cost, 2), fixedSlope: signed(fixed.slope, 2),
      fresh: signed(fresh.cost, 2), freshSlope: signed(fresh.slope, 2),
    });
    refresh();
    return `slope with ε fixed ${signed(fixed.slope, 2)}, with new draws `
      + `${signed(fresh.slope, 2)}, exact ${signed(truth.slope, 2)}`;
  }

  const set = sliders(root, {
    show({ mu, sigma }) {
      // New draws at every step: where μ has come to; or everywhere, when σ has changed.
      if (sigma !== state.sigma) state.fresh = MEANS.map(noise);
      Object.assign(state, { mu, sigma });
      state.fresh[index()] = noise();
      return show();
    },
  });
  const handles = () => [{
    x: x(state.mu), y: y(average(state.mu, state.sigma, state.eps).cost),
    drag: (u) => set({ mu: x.invert(u) }),
  }];
  refresh = board(root.querySelector('[data-live="plot"]'), {
    label: "Twenty draws of ε, the codes made of them, twenty codes drawn anew, and the average "
      + "cost of both over μ: a smooth curve and a jagged one around the exact curve.",
    paint, handles,
  });
  root.querySelector('[data-live="again"]').addEventListener("click", () => {
    state.eps = noise();
    set({});
  });
  return { state, handles }; // for tests
}
