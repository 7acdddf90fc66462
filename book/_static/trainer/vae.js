/* A variational autoencoder that learns (Kingma & Welling 2013), in plain arrays. For each image

     loss = distortion + beta * rate,   distortion = -log p(x|z) at z = mu + sigma * eps,
                                        rate = KL(N(mu, sigma^2) || N(0, I)),

   and `gradients` works backwards through these lines by the chain rule. It is a pure function,
   and a test compares it with PyTorch's autograd. Matrices are Float32Arrays, row by row; an image,
   a code, is a row. A layer computes y = x W^T + b, with W of shape (outputs, inputs). */

import { ACTIVATIONS, sigmoid } from "../lib/activations.js";
import { distortion, rate } from "../lib/costs.js";


// ------------------------------------------------------------------ matrices

/** out += A B, where A (rows, inner) has its entries `down` and `right` apart from each other,
    so that it may be a transposed matrix; B (inner, columns) is stored row by row.
    Two rows and four products at a time: so each number is fetched less often. */
function addProduct(out, a, down, right, b, rows, inner, columns) {
  const [paired, fourfold] = [rows - (rows % 2), inner - (inner % 4)];
  for (let row = 0; row < paired; row += 2) {
    const to = row * columns;
    const next = to + columns;
    for (let k = 0; k < fourfold; k += 4) {
      const at = row * down + k * right;
      const [a0, a1, a2, a3] = [a[at], a[at + right], a[at + 2 * right], a[at + 3 * right]];
      const under = at + down;
      const [d0, d1, d2, d3] =
        [a[under], a[under + right], a[under + 2 * right], a[under + 3 * right]];
      if (!(a0 || a1 || a2 || a3 || d0 || d1 || d2 || d3)) continue; // paper without ink
      const from = k * columns;
      for (let c = 0; c < columns; c += 1) {
        const b0 = b[from + c];
        const b1 = b[from + columns + c];
        const b2 = b[from + 2 * columns + c];
        const b3 = b[from + 3 * columns + c];
        out[to + c] += a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3;
        out[next + c] += d0 * b0 + d1 * b1 + d2 * b2 + d3 * b3;
      }
    }
  }
  for (let row = 0; row < rows; row += 1) { // what is left over
    for (let k = row < paired ? fourfold : 0; k < inner; k += 1) {
      const value = a[row * down + k * right];
      for (let c = 0; c < columns; c += 1) out[row * columns + c] += value * b[k * columns + c];
    }
  }
  return out;
}

function transpose(matrix, rows, columns) {
  const result = new Float32Array(matrix.length);
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) result[c * rows + r] = matrix[r * columns + c];
  }
  return result;
}

// ------------------------------------------------------------------ forward

/** y = x W^T + b, for `count` rows. */
function dense({ weight, bias }, x, count) {
  const [outputs, inputs] = [bias.length, weight.length / bias.length];
  const y = new Float32Array(count * outputs);
  for (let row = 0; row < count; row += 1) y.set(bias, row * outputs);
  return addProduct(y, x, inputs, 1, transpose(weight, outputs, inputs), count, inputs, outputs);
}

/** Hidden layers. Keeps for each what went in and what stood before the activation. */
function forward(layers, x, count, activation) {
  const trace = [];
  for (const layer of layers) {
    const before = dense(layer, x, count);
    trace.push({ x, before });
    x = before.map(ACTIVATIONS[activation][0]);
  }
  return { h: x, trace };
}

/** q(z|x): means and log-variances, (count, L). */
export function encode(weights, x, count, activation) {
  const { h, trace } = forward(weights.encoder, x, count, activation);
  return { mu: dense(weights.mu, h, count), logVar: dense(weights.logVar, h, count), h, trace };
}

/** p(x|z): logits of Bernoulli pixels, (count, D). */
export function decode(weights, z, count, activation) {
  const { h, trace } = forward(weights.decoder, z, count, activation);
  return { logits: dense(weights.out, h, count), h, trace };
}

export const reparameterize = (mu, logVar, eps) =>
  mu.map((mean, i) => mean + Math.exp(0.5 * logVar[i]) * eps[i]);

/** Distortion and rate in nats: means over the images. */
export const costs = (x, logits, mu, logVar, count) =>
  ({ distortion: distortion(x, logits) / count, rate: rate(mu, logVar) / count });

// ------------------------------------------------------------------ backward

/** From dloss/dy to the gradient of a layer, (dloss/dW, dloss/db), and to dloss/dx. */
function denseBack({ weight, bias }, x, dy, count) {
  const [outputs, inputs] = [bias.length, weight.length / bias.length];
  const dBias = new Float32Array(outputs);
  for (let i = 0; i < dy.length; i += 1) dBias[i % outputs] += dy[i];
  const dWeight = new Float32Array(weight.length);
  addProduct(dWeight, dy, 1, outputs, x, outputs, count, inputs); // dy^T x
  const dx = new Float32Array(count * inputs);
  addProduct(dx, dy, outputs, 1, weight, count, outputs, inputs); // dy W
  return { gradient: { weight: dWeight, bias: dBias }, dx };
}

function back(layers, trace, dh, count, activation) {
  const gradients = [];
  for (let k = layers.length - 1; k >= 0; k -= 1) {
    const { x, before } = trace[k];
    const dBefore = before.map((a, i) => dh[i] * ACTIVATIONS[activation][1](a));
    const { gradient, dx } = denseBack(layers[k], x, dBefore, count);
    gradients.unshift(gradient);
    dh = dx;
  }
  return { gradients, dx: dh };
}

/** Return costs, and the gradients of mean(distortion + beta * rate) in the form of `weights`. */
export function gradients(weights, x, eps, beta, activation) {
  const count = eps.length / weights.mu.bias.length;
  const q = encode(weights, x, count, activation);
  const { mu, logVar } = q;
  const z = reparameterize(mu, logVar, eps);
  const p = decode(weights, z, count, activation);

  const dLogits = p.logits.map((a, i) => (sigmoid(a) - x[i]) / count);
  const out = denseBack(weights.out, p.h, dLogits, count);
  const decoder = back(weights.decoder, p.trace, out.dx, count, activation);
  const dz = decoder.dx;

  // z = mu + exp(log_var / 2) eps, and the rate's own slopes
  const dMu = mu.map((mean, i) => dz[i] + (beta * mean) / count);
  const dLogVar = logVar.map((v, i) =>
    0.5 * (dz[i] * eps[i] * Math.exp(0.5 * v) + (beta * (Math.exp(v) - 1)) / count));
  const toMu = denseBack(weights.mu, q.h, dMu, count);
  const toLogVar = denseBack(weights.logVar, q.h, dLogVar, count);
  const dh = toMu.dx.map((d, i) => d + toLogVar.dx[i]);
  const encoder = back(weights.encoder, q.trace, dh, count, activation);

  return {
    ...costs(x, p.logits, mu, logVar, count),
    gradients: {
      encoder: encoder.gradients, mu: toMu.gradient, logVar: toLogVar.gradient,
      decoder: decoder.gradients, out: out.gradient,
    },
  };
}

// ------------------------------------------------------------------ Adam

/** All arrays of a model, or of its gradients, in one order. */
const arrays = ({ encoder, mu, logVar, decoder, out }) =>
  [...encoder, mu, logVar, ...decoder, out].flatMap(({ weight, bias }) => [weight, bias]);

/** Adam (Kingma & Ba 2015), with PyTorch's defaults. */
export function makeAdam(weights, pace, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8) {
  const values = arrays(weights);
  const first = values.map((value) => new Float32Array(value.length));
  const second = values.map((value) => new Float32Array(value.length));
  let step = 0;
  /** Change the weights in place. */
  return function update(found) {
    step += 1;
    const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
    arrays(found).forEach((gradient, k) => {
      const [value, m, v] = [values[k], first[k], second[k]];
      for (let i = 0; i < value.length; i += 1) {
        m[i] = beta1 * m[i] + (1 - beta1) * gradient[i];
        v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] ** 2;
        value[i] -= (pace * m[i]) / c1 / (Math.sqrt(v[i] / c2) + epsilon);
      }
    });
  };
}

// ------------------------------------------------------------------ first weights

/** A network D - widths - L and back; Xavier-uniform weights (Glorot & Bengio 2010), no bias. */
export function makeWeights(pixels, widths, latents, uniform) {
  const layer = (inputs, outputs) => {
    const limit = Math.sqrt(6 / (inputs + outputs));
    return {
      weight: Float32Array.from({ length: outputs * inputs }, () => limit * (2 * uniform() - 1)),
      bias: new Float32Array(outputs),
    };
  };
  const inwards = [pixels, ...widths];
  const outwards = [latents, ...widths.slice().reverse()];
  const chain = (sizes) => sizes.slice(1).map((size, k) => layer(sizes[k], size));
  return {
    encoder: chain(inwards),
    mu: layer(inwards.at(-1), latents),
    logVar: layer(inwards.at(-1), latents),
    decoder: chain(outwards),
    out: layer(outwards.at(-1), pixels),
  };
}
