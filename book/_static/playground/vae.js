/* The exported model, run: encoder, decoder, and the two terms of the loss, in nats per image.
   The format is documented in vaetut/web.py. */

import { ACTIVATIONS, sigmoid } from "../lib/activations.js";
import { distortion, rate } from "../lib/costs.js";
import { decodeAs, dense, network } from "../lib/layers.js";

const FORMAT = "vaetut-web/1";

/** Make a model of what `vaetut export` has written. */
export function load(exported) {
  if (exported?.format !== FORMAT) throw new Error(`the export is not in the format ${FORMAT}`);
  const [activation] = ACTIVATIONS[exported.config.activation] ?? [];
  if (!activation) throw new Error(`unknown activation ${exported.config.activation}`);
  const toHidden = network(exported.encoder.hidden, activation);
  const toMu = dense(exported.encoder.mu);
  const toLogVar = dense(exported.encoder.log_var);
  const fromCode = network(exported.decoder.hidden, activation);
  const toLogits = dense(exported.decoder.out);

  const size = exported.config.input_dim;
  const rows = (array, width) =>
    Array.from({ length: array.length / width }, (_, i) =>
      array.subarray(i * width, (i + 1) * width));
  const pixels = decodeAs(Uint8Array, exported.examples.images);
  const steps = decodeAs(Int16Array, exported.points.z);

  return {
    size,
    /** q(z|x): the means and log-variances of a diagonal Gaussian. */
    encode(x) {
      const h = toHidden(x);
      return { mu: toMu(h), logVar: toLogVar(h) };
    },
    /** p(x|z): the logits of Bernoulli pixels. */
    decode: (z) => toLogits(fromCode(z)),
    /** The pixels' means, from their logits. */
    mean: (logits) => logits.map(sigmoid),
    distortion,
    rate: ({ mu, logVar }) => rate(mu, logVar),
    points: rows(Float32Array.from(steps, (step) => step * exported.points.step), 2),
    labels: decodeAs(Uint8Array, exported.points.labels),
    examples: rows(Float32Array.from(pixels, (value) => value / 255), size),
    exampleLabels: decodeAs(Uint8Array, exported.examples.labels),
    typical: exported.typical,
    colors: exported.colors,
  };
}
