/* What happens in the worker: minibatches of Adam on

     mean over the batch of (distortion + beta * rate),

   and, a few times a second, a report of what the model is like by now. The page sends
   { do: "reset" | "run" | "pause" | "step" | "beta", ... } and gets reports. All chance comes from
   the seed, so the same steps lead to the same weights; only the reports depend on the clock. */

import { sigmoid } from "../lib/activations.js";
import { makeUniform, normal } from "../lib/chance.js";
import {
  costs, decode, encode, gradients, makeAdam, makeWeights, reparameterize,
} from "./vae.js";

const BATCH = 64;
const RATE = 3e-3; // of Adam
const WIDTHS = [64, 64];
const LATENTS = 2;
const SLICE = 40; // ms of training before messages are looked at
const SHARE = 6; // a report may take one part in so many of the time

const normals = (uniform, count) => Float32Array.from({ length: count }, () => normal(uniform));

/** One training, from its first weights on. */
function begin(digits, seed, activation) {
  const { train, heldOut, pixels, examples, grid } = digits;
  const count = train.length / pixels;
  const uniform = makeUniform(seed);
  const weights = makeWeights(pixels, WIDTHS, LATENTS, uniform);
  const update = makeAdam(weights, RATE);
  // The held-out images keep their noise: so a dot moves because the model has changed.
  const numHeldOut = heldOut.length / pixels;
  const heldOutEps = normals(makeUniform(0), numHeldOut * LATENTS);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let place = count; // in the order; at its end it is shuffled
  let [steps, seconds] = [0, 0];
  let since = { steps: 0, distortion: 0, rate: 0 }; // the last report
  let means = null; // of the batches between the last two reports that had any

  function nextBatch() {
    if (place + BATCH > count) {
      for (let i = count - 1; i > 0; i -= 1) { // Fisher & Yates
        const j = Math.floor(uniform() * (i + 1));
        [order[i], order[j]] = [order[j], order[i]];
      }
      place = 0;
    }
    const x = new Float32Array(BATCH * pixels);
    for (let row = 0; row < BATCH; row += 1, place += 1) {
      x.set(train.subarray(order[place] * pixels, (order[place] + 1) * pixels), row * pixels);
    }
    return x;
  }

  function step(beta) {
    const began = performance.now();
    const eps = normals(uniform, BATCH * LATENTS);
    const found = gradients(weights, nextBatch(), eps, beta, activation);
    update(found.gradients);
    steps += 1;
    seconds += (performance.now() - began) / 1000;
    since.steps += 1;
    since.distortion += found.distortion;
    since.rate += found.rate;
  }

  function report() {
    const { mu, logVar } = encode(weights, heldOut, numHeldOut, activation);
    const z = reparameterize(mu, logVar, heldOutEps);
    const { logits } = decode(weights, z, numHeldOut, activation);
    const pictures = (codes) =>
      decode(weights, codes, codes.length / LATENTS, activation).logits.map(sigmoid);
    const ofExamples = (values) => Float32Array.from(
      { length: examples.length * LATENTS },
      (_, i) => values[examples[Math.floor(i / LATENTS)] * LATENTS + (i % LATENTS)]);
    const centres = ofExamples(mu);
    if (since.steps) {
      means = { distortion: since.distortion / since.steps, rate: since.rate / since.steps };
    }
    since = { steps: 0, distortion: 0, rate: 0 };
    return {
      steps, images: steps * BATCH, epochs: (steps * BATCH) / count, seconds,
      training: means, heldOut: costs(heldOut, logits, mu, logVar, numHeldOut),
      z, mu: centres, sigma: ofExamples(logVar).map((v) => Math.exp(0.5 * v)),
      returned: pictures(centres), grid: pictures(grid),
    };
  }

  return { step, report };
}

let [digits, training, run] = [null, null, 0];
let [beta, every, running] = [1, 150, false]; // ms from report to report
let [reported, cost, timer] = [0, 0, 0];

function send() {
  const began = performance.now();
  postMessage({ ...training.report(), run, beta, running });
  reported = performance.now();
  cost = reported - began;
}

function slice() {
  if (!running) return;
  const began = performance.now();
  while (performance.now() - began < SLICE) training.step(beta);
  if (performance.now() - reported > Math.max(every, SHARE * cost)) send();
  timer = setTimeout(slice, 0);
}

const onMessage = {
  reset(message) {
    running = false;
    digits = message.digits ?? digits;
    every = message.every ?? every;
    ({ run, beta } = message);
    training = begin(digits, message.seed, message.activation);
    send();
  },
  run() {
    running = true;
    clearTimeout(timer);
    slice();
  },
  pause() {
    if (!running) return;
    running = false;
    send();
  },
  step() {
    running = false;
    training.step(beta);
    send();
  },
  beta(message) {
    beta = message.value;
  },
};
onmessage = ({ data }) => onMessage[data.do](data);
