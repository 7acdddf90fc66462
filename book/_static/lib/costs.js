/* The two terms of the loss, in nats: sums over all that is given. */

import { softplus } from "./activations.js";

/** -log p(x|z) of Bernoulli pixels, from their logits. */
export function distortion(x, logits) {
  let sum = 0;
  for (let i = 0; i < x.length; i += 1) sum += softplus(logits[i]) - x[i] * logits[i];
  return sum;
}

/** KL(q(z|x) || p(z)) of diagonal Gaussians from a standard normal one. */
export function rate(mu, logVar) {
  let sum = 0;
  for (let j = 0; j < mu.length; j += 1) {
    sum += 0.5 * (mu[j] ** 2 + Math.exp(logVar[j]) - 1 - logVar[j]);
  }
  return sum;
}
