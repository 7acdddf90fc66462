/* The steps of the tour. Each asks a question, acts on the page, and answers with the numbers that
   the page has then. `where` is the part of the page that it is about, and `see` the part where its
   answer can be seen, if that is another one. `view` says how the plane is shown. */

import { makeUniform, normal } from "../lib/chance.js";
import { signed } from "../lib/numbers.js";
import { hole, nearest, votes } from "./codes.js";
import { noise } from "./inside.js";

const NEAREST = 20; // codes that are asked for their class
const REACH = 2; // of the search for a hole, in the prior's standard deviations

const [PAD, PLANE, INSIDE, PRICES] = [".pg-side", ".pg-plane", ".pg-inside", ".app-numbers"];

/** A stroke through corners, in shares of the pad's side, with points enough to be drawn slowly. */
const stroke = (corners) => corners.slice(1).flatMap(([x, y], i) =>
  Array.from({ length: 13 }, (_, k) =>
    [[corners[i][0], x], [corners[i][1], y]].map(([a, b]) => a + ((b - a) * k) / 12)));

const SEVEN = stroke([[0.25, 0.25], [0.72, 0.24], [0.42, 0.82]]);
const STAR = stroke(Array.from({ length: 6 }, (_, k) =>
  [0.5 + 0.36 * Math.sin(0.8 * Math.PI * k), 0.52 - 0.36 * Math.cos(0.8 * Math.PI * k)]));

const pair = (values, digits = 2) => `(${Array.from(values, (v) => signed(v, digits)).join(", ")})`;
const nats = (value) => `${signed(value, 1)} nats`;
const atMean = ({ model, state: { x, q } }) => model.distortion(x, model.decode(q.mu));

/** How many of the nearest dots belong to a digit, in words. */
const near = ({ model }, z, digit) =>
  `Of the ${NEAREST} nearest dots, ${votes(model, z, NEAREST)[digit]} are ${digit}s.`;

/** The point on the other side of the centre, well away from it. */
const opposite = ([x, y]) => [x, y].map((value) => (-REACH * value) / Math.hypot(x, y));

export const STEPS = [
  {
    question: "Here comes a 0 from the test set. Where on the plane will the encoder put it?",
    where: PLANE,
    act: ({ actions }) => actions.choose(0),
    answer: (page) =>
      `It says: around μ = ${pair(page.state.q.mu)}. `
      + near(page, page.state.q.mu, 0),
  },
  {
    question: "Now the dark dot, z, goes to the other side of the plane. The card beside it shows "
      + "what the decoder makes of z. Will it jump at some place, from one digit to another?",
    where: PLANE,
    act: ({ actions, state }) => actions.go(opposite(state.q.mu)),
    answer: ({ state: { q, z } }) =>
      `Nowhere: the decoder is a continuous function. Between μ = ${pair(q.mu)} and `
      + `z = ${pair(z)} each picture turns into the next. Drag z slowly to see it.`,
  },
  {
    question: "The page draws a 7. Will its code lie among those of the 7s?",
    where: PAD,
    see: PLANE,
    act: ({ actions }) => actions.draw(SEVEN),
    answer: (page) =>
      `The drawing is encoded at μ = ${pair(page.state.q.mu)}. ${near(page, page.state.q.mu, 7)}`,
  },
  {
    question: "For the 7, as for each image, the encoder gives a cloud of codes: μ is its middle, "
      + "σ its width along each axis. The code is drawn from it with random noise ε, z = μ + σ · ε, so "
      + "that the decoder learns what the whole cloud stands for. Which way from μ will z lie?",
    where: INSIDE,
    act: ({ actions }) => actions.one(),
    answer: ({ state: { q, z } }) => {
      const eps = noise({ q, z });
      return `Chance decides. This time it gave ε = ${pair(eps)}. Times σ, that is a step of `
        + `${pair(eps.map((value, j) => value * q.sigma[j]), 3)} from μ.`;
    },
  },
  {
    question: "And many such draws, close up? Each has a price for how badly its picture predicts the "
      + "pixels, the distortion, in nats, the unit of natural logarithms. By how much will it vary?",
    where: PLANE,
    view: { close: true },
    act: ({ actions }) => actions.many(),
    answer: (page) => {
      const found = page.state.samples.map(({ distortion }) => distortion);
      const mean = found.reduce((sum, each) => sum + each, 0) / found.length;
      return `It was ${signed(Math.min(...found), 1)} to ${nats(Math.max(...found))} in the `
        + `${found.length} samples so far (with the one before), and ${nats(mean)} on average. `
        + `At μ it is ${nats(atMean(page))}.`;
    },
  },
  {
    question: "The second price, the rate, is for how much the cloud (the orange ellipse) differs from "
      + "the prior (the blue circles), in place and in width. Training lowers the sum of both. Now z "
      + "goes far from the ellipse. Which price will change?",
    where: PLANE,
    see: PRICES,
    act: ({ actions, state }) => actions.go(opposite(state.q.mu)),
    answer: (page) => {
      const { model, state: { x, q, logits } } = page;
      return `The distortion: at μ it is ${nats(atMean(page))}, and here `
        + `${nats(model.distortion(x, logits))}. The rate is still ${nats(q.rate)}, for z has no `
        + "part in it.";
    },
  },
  {
    question: "The rate charges for the distance of μ from the centre, and for each σ that is not 1. "
      + "Which of the two costs more for a 1?",
    where: PLANE,
    act: ({ actions }) => actions.choose(1),
    answer: ({ state: { q } }) => {
      const distance = 0.5 * q.mu.reduce((sum, mu) => sum + mu ** 2, 0);
      const width = q.rate - distance;
      return `The ${width > distance ? "width" : "distance"}. The distance costs `
        + `${signed(distance, 2)} nats, and the width, σ, ${signed(width, 2)} nats. `
        + "A narrower ellipse would have a larger rate; and in a wider one, as a rule, the distortion "
        + "is larger on average. Training looks for the least sum.";
    },
  },
  {
    question: "The page draws a star. What tells here that it is no digit: the distortion, or the "
      + "size of the ellipse?",
    where: PAD,
    act: ({ actions }) => actions.draw(STAR),
    answer(page) {
      const { model, state } = page;
      const qs = model.examples.map((x) => model.encode(x));
      const larger = qs.filter(({ logVar }) =>
        logVar[0] + logVar[1] > state.q.logVar[0] + state.q.logVar[1]).length;
      const dearer = model.examples.filter((x, i) =>
        model.distortion(x, model.decode(qs[i].mu)) > atMean(page)).length;
      return `The distortion: it is ${nats(atMean(page))}. The ten buttons hold ${qs.length} test `
        + `digits, ${qs.length / 10} each, and ${qs.length - dearer} of them cost less. The ellipse `
        + `does not tell it: ${larger} of them have a larger one.`;
    },
  },
  {
    question: "The prior says where codes should lie. Is there a place where it expects some, and no "
      + "dot lies?",
    where: PLANE,
    act({ actions, model }) {
      actions.clear();
      const found = hole(model.points, REACH);
      actions.go(found.z);
      return found;
    },
    answer({ model }, { z, radius, missing }) {
      const uniform = makeUniform(1);
      const draws = model.points.map(() => [normal(uniform), normal(uniform)]);
      return `There is: of ${draws.length} codes, about ${signed(missing, 0)} should lie within `
        + `${signed(radius, 3)} of z = ${pair(z)}, and none does. That is hardly chance: the same `
        + "search, among as many draws from the prior itself, finds at worst a disc for about "
        + `${signed(hole(draws, REACH).missing, 0)}. So here the decoder was probably trained less `
        + "often than the prior asks.";
    },
  },
  {
    question: "At last a code from the prior, without any image. Will the decoder make a digit of it?",
    where: PLANE,
    act({ actions }) {
      actions.clear();
      actions.prior();
    },
    answer({ model, state: { z } }) {
      const [[squared, i]] = nearest(model.points, z, 1);
      return `This z is ${pair(z)}. The nearest dot is ${signed(Math.sqrt(squared), 3)} `
        + `away, and its digit is ${model.labels[i]}. Judge the picture yourself. This was all: an `
        + "encoder, noise, a decoder, a prior, and two prices, whose sum training lowers. There are "
        + "tasks below, and the first chapter tells how one comes to think of such a thing.";
    },
  },
];
