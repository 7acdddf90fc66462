/* Chapter 10: the models that the chapter has trained, and the price β of a nat of rate. */

import { scale, ticks } from "../lib/axes.js";
import { signed } from "../lib/numbers.js";
import { axes, board, dot, line, path, sliders, text, write } from "./plot.js";

const [PURPLE, INK] = ["var(--model)", "var(--data)"];
// The chapter's table has tenths of a nat: a sum of two such numbers is good to a whole one.
const whole = (value) => signed(value, 0);

export function start(root) {
  const models = JSON.parse(root.dataset.points)
    .map(([beta, rate, distortion, sum]) => ({ beta, rate, distortion, sum }));
  const cost = (model, beta) => model.distortion + beta * model.rate;
  /** Of these models, the one that minimises D + βR: there the lowest line of slope −β touches. */
  const best = (beta) => models.reduce((a, b) => (cost(b, beta) < cost(a, beta) ? b : a));
  let now = 1;

  const rates = [0, 1.15 * Math.max(...models.map((model) => model.rate))];
  const prices = [
    Math.min(...models.map((model) => model.distortion)) - 20,
    Math.max(...models.map((model) => cost(best(model.beta), model.beta))) + 12,
  ];

  function paint(width, height) {
    const box = { left: 56, right: width - 14, top: 14, bottom: height - 46 };
    const x = scale(rates, [box.left, box.right]);
    const y = scale(prices, [box.bottom, box.top]);
    const [model, sum] = [best(now), cost(best(now), now)];
    const end = Math.min(rates[1], (sum - prices[0]) / now); // where the line leaves the picture
    const hollow = { fill: "#fff", stroke: INK, "stroke-width": 2 };
    const place = ({ rate, distortion }) => [x(rate), y(distortion)];
    return [
      axes({
        x, y, box, xTicks: ticks(rates, 6), yTicks: ticks(prices, 6), xLabel: "rate R (nats)",
        yLabel: "distortion D (nats)",
      }),
      path(models.map(place), { stroke: PURPLE, "stroke-width": 1.5, "stroke-opacity": 0.5 }),
      line(x(0), y(sum), x(end), y(sum - now * end), {
        stroke: INK, "stroke-width": 1.8, "stroke-dasharray": "7 5",
      }),
      ...models.map((each) => dot(...place(each), each === model ? 8 : 5, { fill: PURPLE })),
      dot(...place(model), 13, { fill: "none", stroke: PURPLE, "stroke-width": 1.5 }),
      ...models.map((each) => {
        const inside = x(each.rate) + 70 < box.right;
        return text(inside ? x(each.rate) + 15 : box.right, y(each.distortion) - 13, `β = ${each.beta}`, {
          class: each === model ? "live-name live-halo" : "live-halo",
          "text-anchor": inside ? "start" : "end",
        });
      }),
      dot(x(0), y(sum), 5, hollow),
      dot(box.right - 112, box.top + 14, 5, hollow),
      text(box.right - 100, box.top + 19, `D + βR = ${whole(sum)}`, { class: "live-name" }),
    ].join("");
  }

  let refresh = () => {};
  sliders(root, {
    read: (exponent) => 2 ** exponent,
    show({ beta }) {
      now = beta;
      const model = best(beta);
      write(root, {
        distortion: signed(model.distortion, 1), rate: signed(model.rate, 1),
        cost: whole(cost(model, beta)), sum: signed(model.sum, 1),
      });
      refresh();
      return `the cheapest is the model trained at β = ${model.beta}, `
        + `with D + βR = ${whole(cost(model, beta))} nats`;
    },
  });
  refresh = board(root.querySelector('[data-live="plot"]'), {
    label: "Six models on the plane of rate and distortion, and the lowest line of slope −β that "
      + "touches one of them. It meets the axis of distortions at D + βR.",
    paint,
  });
}
