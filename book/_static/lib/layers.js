/* Layers of an export, whose format is documented in vaetut/web.py. */

/** The numbers in a base64 text. */
export function decodeAs(Type, text) {
  const raw = atob(text);
  const array = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) array[i] = raw.charCodeAt(i);
  return new Type(array.buffer);
}

/** Return a function from a vector to scale * (weight @ x) + bias. */
export function dense(layer) {
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

/** Return a function from a vector through hidden layers. */
export function network(layers, activation) {
  const hidden = layers.map(dense);
  return (x) => hidden.reduce((h, layer) => layer(h).map(activation), x);
}
