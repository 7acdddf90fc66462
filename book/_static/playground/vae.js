/* The exported model, run: encoder, decoder, and the two terms of the loss, in nats per image.
   The format is documented in vaetut/web.py. */

import { ACTIVATIONS, sigmoid } from "../lib/activations.js";
import { distortion, rate } from "../lib/costs.js";

const FORMAT = "vaetut-web/1";

function bytes(text) {
  const raw = atob(text);
  const array = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) array[i] = raw.charCodeAt(i);
  return array;
}

const decodeAs = (Type, text) => new Type(bytes(text).buffer);

/** Return a function from a vector to scale * (weight @ x) + bias. */
function dense(layer) {
  const [rows, columns] = layer.shape;
  const levels = decodeAs(layer.bits === 8 ? Int8Array : Int16Array, layer.weight);
  const scale = decodeAs(Float32Array, layer.scale);
  const bias = decodeAs(Float32Array, layer.bias);
  const weight = Float32Array.from(levels, (level, i) => level * scale[(i / columns) | 0]);
  return (x) => {
    const y = new Float32Array(rows);
    for (let row = 0, at = 0; row < rows; row += 1) {
      let sum = bias[row];
      for (let column = 0; column < columns; column += 1, at += 1) sum += weight[at] * x[column];
      y[row] = sum;
    }
    return y;
  };
}

function network(layers, activation) {
  const hidden = layers.map(dense);
  return (x) => hidden.reduce((h, layer) => layer(h).map(activation), x);
}

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
